# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Completion
      # For bash 3.2 and newer, without the package bash-completion.
      class Bash
        # What all commands share. A word is that of a command as long as it goes on one.
        FRAME = <<~BASH
          # bash completion of flockctl; made by `flockctl completion bash`.
          _flockctl_nodes() { flockctl nodes -F names 2>/dev/null; }

          _flockctl() {
            local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
            local command="" word skip="" place=0 in_command=1 i
            COMPREPLY=()
            # bash splits --option=value at the sign.
            if [ "$cur" = = ]; then cur=""; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
            for ((i = 1; i < COMP_CWORD; i++)); do
              word=${COMP_WORDS[i]}
              if [ "$word" = = ]; then continue; fi
              if [ -n "$skip" ]; then skip=""; continue; fi
              case "$word" in
                %<flags>s) continue ;;
                -*) skip=1; continue ;;
              esac
              if [ -n "$in_command" ]; then
                case "${command:+$command }$word" in
                  %<commands>s) command="${command:+$command }$word"; continue ;;
                esac
              fi
              in_command=""
              place=$((place + 1))
            done
            if [ -n "$skip" ]; then
              case "$command $prev" in
          %<values>s
              esac
              return
            fi
            case "$cur" in
              -*)
                case "$command" in
          %<options>s
                esac
                return ;;
            esac
            case "$command/$place" in
          %<arguments>s
            esac
          }

          complete -F _flockctl flockctl
        BASH

        # @param all [Array<Words>]
        def initialize(all)
          @all = all
        end

        # @return [String]
        def script
          format(FRAME, flags: alternatives(Words.flags(@all)),
                        commands: alternatives(@all.map(&:words).reject(&:empty?)),
                        values: indented(values, 6), options: indented(options, 8), arguments: indented(arguments, 6))
        end

        private

        def alternatives(words) = words.map { |word| word.include?(" ") ? %("#{word}") : word }.join("|")

        def indented(lines, by) = lines.map { |line| "#{" " * by}#{line}" }.join("\n")

        def values
          @all.flat_map do |words|
            words.options.reject(&:flag?).filter_map do |option|
              pattern = option.ways.map { |way| %("#{words.words} #{way}") }.join("|")
              reply(option.kind)&.then { |action| "#{pattern}) #{action} ;;" }
            end
          end
        end

        def options
          @all.map { |words| %("#{words.words}") + ") #{reply([:words, *words.options.flat_map(&:ways)])} ;;" }
        end

        def arguments
          @all.flat_map do |words|
            subcommands = words.subcommands.keys
            first = [words.arguments.first, ([:words, *subcommands] if subcommands.any?)].compact
            [place(words.words, 0, first), *rest(words)].compact
          end
        end

        def rest(words)
          places = words.arguments.each_with_index.drop(1).map { |kind, n| place(words.words, n, [kind]) }
          many = place(words.words, "*", [words.arguments.last]) if words.many
          [*places, *many]
        end

        def place(words, number, kinds)
          actions = kinds.filter_map { |kind| reply(kind) }
          %("#{words}"/#{number}) + ") #{actions.join("; ")} ;;" if actions.any?
        end

        def reply(kind)
          what, *words = kind
          case what
          when :words then %[COMPREPLY+=($(compgen -W "#{words.join(" ")}" -- "$cur"))]
          when :nodes then %[COMPREPLY+=($(compgen -W "$(_flockctl_nodes)" -- "$cur"))]
          when :files then %[COMPREPLY+=($(compgen -f -- "$cur"))]
          end
        end
      end
    end
  end
end
