# frozen_string_literal: true

require_relative "called"
require_relative "selector"
require_relative "words"

module FlockOfChefs
  module CLI
    # What people can do about the nodes on which it went wrong: the command line that does the same again, for those
    # only on which nothing runs twice by it, and where to look for the others.
    module Again
      # Nodes that a command line names.
      MOST = 100
      # Places to look at that are named.
      PLACES = 20
      # What chose the nodes, and how to print: neither is said again.
      LEFT_OUT = [*Selecting::OPTIONS, :node, :nodes, :format, :dry_run].freeze

      # Words that no shell would change.
      PLAIN = %r{\A[\w.,:/@%+=-]+\z}

      module_function

      # @param command [Class] whose arguments and options there are
      # @param options [Hash] as they were given
      # @param result [Result]
      # @return [Array<String>] lines for people
      def hints(command, options, result)
        again = result.failed.empty? ? [] : hint(command, options.merge(result.again), result.failed)
        [*look(result.look), *again]
      end

      # @see .hints
      # @return [String]
      def line(command, options, nodes)
        arguments = Words.separated(words(command, options))
        words = ["--select", Selector.of_nodes(nodes), *given(command, options), *arguments]
        Called.line(CLI.words_of(command), *words.map { |word| quoted(word) })
      end

      def look(places)
        return [] if places.empty?

        more = ["  … and #{places.size - PLACES} more"] if places.size > PLACES
        ["where it is not known how it ended, look before you ask again:",
         *places.first(PLACES).map { |place| "  #{place}" }, *more]
      end
      private_class_method :look

      def hint(command, options, nodes)
        return ["#{nodes.size} nodes are left; -F jsonl names them"] if nodes.size > MOST

        ["again for the #{nodes.size} that are left:", "  #{line(command, options, nodes)}"]
      end
      private_class_method :hint

      # As people write it.
      def quoted(word) = word.match?(PLAIN) ? word : "'#{word.gsub("'") { "'\\''" }}'"
      private_class_method :quoted

      def given(command, options)
        command.options.flat_map do |option|
          value = options[option.name]
          next [] if LEFT_OUT.include?(option.name) || value.nil? || value == option.default

          flag = Called.flag(option.name)
          switch(flag, value) || [flag, Array(value).join(",")]
        end
      end
      private_class_method :given

      def switch(flag, value)
        case value
        when true then [flag]
        when false then [flag.sub("--", "--no-")]
        end
      end
      private_class_method :switch

      def words(command, options)
        command.arguments.reject { |argument| LEFT_OUT.include?(argument.name) }
               .flat_map { |argument| Array(options[argument.name]) }
      end
      private_class_method :words
    end
  end
end
