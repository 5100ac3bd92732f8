# frozen_string_literal: true

require_relative "selector"

module FlockOfChefs
  module CLI
    # The command line that does the same again, for those nodes only on which it went wrong.
    module Again
      # Nodes that a command line names.
      MOST = 100
      # What chose the nodes, and how to print: neither is said again.
      LEFT_OUT = [:select, *Selecting::LISTS.keys, *Selecting::VALUES, :node, :nodes, :format, :dry_run].freeze

      # Words that no shell would change.
      PLAIN = %r{\A[\w.,:/@%+=-]+\z}

      module_function

      # @param program [String] such as +"flockctl run-chef"+
      # @param command [Class] whose arguments and options there are
      # @param options [Hash] as they were given
      # @param nodes [Array<String>]
      # @return [String] for people
      def hint(program, command, options, nodes)
        return "#{nodes.size} nodes are left; -F jsonl names them" if nodes.size > MOST

        "again for the #{nodes.size} that are left:\n  #{line(program, command, options, nodes)}"
      end

      # @see .hint
      # @return [String]
      def line(program, command, options, nodes)
        words = ["--select", Selector.of_nodes(nodes), *given(command, options), *words(command, options)]
        "#{program} #{words.map { |word| quoted(word) }.join(" ")}"
      end

      # As people write it.
      def quoted(word) = word.match?(PLAIN) ? word : "'#{word.gsub("'") { "'\\''" }}'"
      private_class_method :quoted

      def given(command, options)
        command.options.flat_map do |option|
          value = options[option.name]
          next [] if LEFT_OUT.include?(option.name) || value.nil? || value == option.default

          flag = "--#{option.name.to_s.tr("_", "-")}"
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
