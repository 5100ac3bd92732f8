# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Completion
      # For fish 3: one `complete` for each word.
      class Fish
        # Says which command the line has, and how many words of its own follow.
        FRAME = <<~FISH
          # fish completion of flockctl; made by `flockctl completion fish`.
          function __flockctl_at --argument-names wanted place
              set -l known %<commands>s
              set -l flags %<flags>s
              set -l words (commandline -opc)[2..-1]
              set -l command ''
              set -l in_command 1
              set -l count 0
              set -l skip ''
              for word in $words
                  if test -n "$skip"
                      set skip ''
                      continue
                  end
                  if contains -- $word $flags; or string match -q -- '-*=*' $word
                      continue
                  end
                  if string match -q -- '-*' $word
                      set skip 1
                      continue
                  end
                  set -l candidate (string trim -- "$command $word")
                  if test -n "$in_command"; and contains -- $candidate $known
                      set command $candidate
                      continue
                  end
                  set in_command ''
                  set count (math $count + 1)
              end
              test "$command" = "$wanted"; or return 1
              test -z "$place"; or test "$place" = "$count"; or test "$place" = many
          end

          complete -c flockctl -f
        FISH

        # @param all [Array<Words>]
        def initialize(all)
          @all = all
        end

        # @return [String]
        def script
          commands = @all.map(&:words).reject(&:empty?).map { |words| quoted(words) }
          head = format(FRAME, commands: commands.join(" "), flags: Words.flags(@all).join(" "))
          [head.chomp, *@all.flat_map { |words| [*subcommands(words), *options(words), *arguments(words)] }].join("\n")
        end

        private

        def quoted(text) = "'#{text.gsub("\\", "\\\\\\\\").gsub("'", "\\\\'")}'"

        def at(words, place = nil) = "-n \"__flockctl_at #{[quoted(words.words), *place].join(" ")}\""

        def subcommands(words)
          words.subcommands.map do |word, text|
            "complete -c flockctl #{at(words, 0)} -a #{quoted(word)} -d #{quoted(text)}"
          end
        end

        def options(words)
          words.options.map do |option|
            ways = [*option.short.map do |short|
              "-s #{short.delete_prefix("-")}"
            end, "-l #{option.name.delete_prefix("--")}"]
            value = option.flag? ? nil : "-x #{reply(option.kind)}".rstrip
            value = "-rF" if option.kind == [:files]
            ["complete -c flockctl", at(words), *ways, value, "-d #{quoted(option.description)}"].compact.join(" ")
          end
        end

        def arguments(words)
          words.arguments.each_with_index.filter_map do |kind, n|
            last = n == words.arguments.size - 1
            action = kind == [:files] ? "-F" : reply(kind)
            "complete -c flockctl #{at(words, words.many && last ? "many" : n)} #{action}" if action
          end
        end

        def reply(kind)
          what, *words = kind
          case what
          when :words then "-a #{quoted(words.join(" "))}"
          when :nodes then "-a '(flockctl nodes -F names 2>/dev/null)'"
          end
        end
      end
    end
  end
end
