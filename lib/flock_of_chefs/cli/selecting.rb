# frozen_string_literal: true

require_relative "selector"

module FlockOfChefs
  module CLI
    # Choosing nodes by what they are, beside or in place of their names. All conditions must hold.
    module Selecting
      # Option that takes a list => field of proto/flock/v1/common.proto's Targets.
      LISTS = { role: :roles, recipe: :recipes, tag: :tags, service: :services }.freeze
      # Those that take one value.
      VALUES = Selector::SINGLE
      # One option for each condition.
      CONDITIONS = [*LISTS.keys, *VALUES].freeze
      # All options that {offer} gives.
      OPTIONS = [:select, *CONDITIONS].freeze

      module_function

      # Gives a command the options.
      #
      # @param command [Class]
      # @return [void]
      def offer(command)
        command.option(:select, desc: "Nodes by an expression: 'role:web AND tag:canary', 'node:web1,web2'")
        LISTS.each_key { |name| command.option(name, type: :array, desc: "Nodes with this #{name}, or all of a,b") }
        VALUES.each { |name| command.option(name, desc: "Nodes of this #{name.to_s.tr("_", " ")}") }
      end

      # @param options [Hash]
      # @return [Hash{Symbol=>Object}] what is asked for, empty if nothing is
      # @raise [ConfigurationError]
      def targets(options)
        complete(options)
        expression = options[:select] ? Selector.parse(options[:select]) : {}
        lists = LISTS.to_h { |name, field| [field, Array(expression[field]) | Array(options[name])] }
        singles = VALUES.to_h { |name| [name, single(name, expression[name], options[name])] }
        { nodes: Array(expression[:nodes]), **lists, **singles }.reject { |_, wanted| wanted.empty? }
      end

      # @param options [Hash]
      # @return [Boolean] whether nodes are chosen by what they are
      # @raise [ConfigurationError]
      def any?(options) = !targets(options).empty?

      # @param client [LocalClient]
      # @param names [Array<String>] only these; none = all that match
      # @param options [Hash]
      # @return [Hash] "nodes" as the hub knows them, by name, and whether the answer is "stale"
      # @raise [NodeNotFoundError] if none matches, or nobody has a name that is asked for
      def find(client, names, options)
        targets = targets(options)
        names = both(names, targets.delete(:nodes))
        answer = names == :none ? { "nodes" => [] } : client.call("resolve", { nodes: names, **targets })
        unknown, known = answer.fetch("nodes").partition { |node| node["presence"] == "unknown" }
        nobody(unknown) if targets.empty? && unknown.any?
        none(names, targets) if known.empty?
        answer.merge("nodes" => known.sort_by { |node| node["name"] })
      end

      # An empty value is mostly a variable that is not set: without its condition many more nodes would be meant.
      def complete(options)
        CONDITIONS.each do |name|
          given = Array(options[name])
          next if options[name].nil? || (given.any? && given.none? { |value| value.to_s.strip.empty? })

          word = name.to_s.tr("_", "-")
          raise ConfigurationError, "--#{word} has an empty value; leave out --#{word} if any #{word} will do"
        end
      end
      private_class_method :complete

      def none(names, targets)
        asked = targets.map { |field, wanted| "#{field}: #{Array(wanted).join(",")}" }
        raise NodeNotFoundError, "no node matches #{[*names, *asked].join(", ")}; see flockctl nodes"
      end
      private_class_method :none

      # Names that are given twice must be so both times.
      def both(names, chosen)
        return names if chosen.nil?
        return chosen if names.empty?

        (names & chosen).then { |common| common.empty? ? :none : common }
      end
      private_class_method :both

      def nobody(unknown)
        names = unknown.map { |node| node["name"] }.join(", ")
        raise NodeNotFoundError, "nobody called #{names} has joined the flock; see flockctl nodes"
      end
      private_class_method :nobody

      def single(name, expression, option)
        return option.to_s if expression.nil?
        return expression if option.nil? || option == expression

        raise ConfigurationError, "--select and --#{name.to_s.tr("_", "-")} ask for different ones"
      end
      private_class_method :single
    end
  end
end
