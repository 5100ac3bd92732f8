# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Completion
      # For zsh 5: a function for a folder of `$fpath`.
      class Zsh
        # See {Bash::FRAME}; zsh counts words from one and shows descriptions.
        FRAME = <<~ZSH
          #compdef flockctl
          # zsh completion of flockctl; made by `flockctl completion zsh`.
          _flockctl_nodes() {
            local -a found
            found=(${(f)"$(flockctl nodes -F names 2>/dev/null)"})
            compadd -a found
          }

          _flockctl() {
            local command="" word skip="" in_command=1
            local -i place=0 i
            local -a found
            for ((i = 2; i < CURRENT; i++)); do
              word=${words[i]}
              if [[ -n $skip ]]; then skip=""; continue; fi
              case $word in
                (%<flags>s) continue ;;
                (-*=*) continue ;;
                (-*) skip=1; continue ;;
              esac
              if [[ -n $in_command ]]; then
                case "${command:+$command }$word" in
                  (%<commands>s) command="${command:+$command }$word"; continue ;;
                esac
              fi
              in_command=""
              place+=1
            done
            word=${words[CURRENT-1]}
            if [[ -z $skip && ${words[CURRENT]} == -*=* ]]; then
              skip=1
              word=${words[CURRENT]%%%%=*}
              compset -P '*='
            fi
            if [[ -n $skip ]]; then
              case "$command $word" in
          %<values>s
              esac
              return
            fi
            if [[ ${words[CURRENT]} == -* ]]; then
              case $command in
          %<options>s
              esac
              return
            fi
            case "$command/$place" in
          %<arguments>s
            esac
          }

          if [[ ${funcstack[1]} == _flockctl ]]; then
            _flockctl "$@"
          else
            compdef _flockctl flockctl
          fi
        ZSH

        # @param all [Array<Words>]
        def initialize(all)
          @all = all
        end

        # @return [String]
        def script
          format(FRAME, flags: Words.flags(@all).join("|"),
                        commands: @all.map(&:words).reject(&:empty?).map { |words| quoted(words) }.join("|"),
                        values: indented(values, 6), options: indented(options, 6), arguments: indented(arguments, 4))
        end

        private

        def quoted(text) = "'#{text.gsub("'", "'\\\\''")}'"

        def indented(lines, by) = lines.map { |line| "#{" " * by}#{line}" }.join("\n")

        def values
          @all.flat_map do |words|
            words.options.reject(&:flag?).filter_map do |option|
              pattern = option.ways.map { |way| quoted("#{words.words} #{way}") }.join("|")
              reply(option.kind)&.then { |action| "(#{pattern}) #{action} ;;" }
            end
          end
        end

        def options
          @all.map do |words|
            described = words.options.flat_map { |option| option.ways.map { |way| [way, option.description] } }
            "(#{quoted(words.words)}) #{list("-o option", described)} ;;"
          end
        end

        def arguments = @all.flat_map { |words| [first(words), *rest(words)].compact }

        def first(words)
          subcommands = list("command", words.subcommands.to_a) if words.subcommands.any?
          place(words.words, 0, [words.arguments.first&.then { |kind| reply(kind) }, subcommands])
        end

        def rest(words)
          places = words.arguments.each_with_index.drop(1).map { |kind, n| place(words.words, n, [reply(kind)]) }
          words.many ? [*places, place(words.words, "*", [reply(words.arguments.last)])] : places
        end

        def place(words, number, actions)
          "(#{quoted(words)}/#{number}) #{actions.compact.join("; ")} ;;" if actions.compact.any?
        end

        def list(what, described)
          entries = described.map { |word, text| quoted("#{word.gsub(":", "\\:")}:#{text}") }
          "found=(#{entries.join(" ")}); _describe #{what} found"
        end

        def reply(kind)
          what, *words = kind
          case what
          when :words then "compadd -- #{words.join(" ")}"
          when :nodes then "_flockctl_nodes"
          when :files then "_files"
          end
        end
      end
    end
  end
end
