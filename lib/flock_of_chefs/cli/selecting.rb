# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # Choosing nodes by what they are, beside or in place of their names. All conditions must hold.
    module Selecting
      # Option that takes a list => field of proto/flock/v1/common.proto's Targets.
      LISTS = { role: :roles, recipe: :recipes, tag: :tags, service: :services }.freeze
      # Those that take one value.
      VALUES = %i[environment policy_name policy_group cloud].freeze

      module_function

      # Gives a command the options.
      #
      # @param command [Class]
      # @return [void]
      def offer(command)
        LISTS.each_key { |name| command.option(name, type: :array, desc: "Nodes with this #{name}, or all of a,b") }
        VALUES.each { |name| command.option(name, desc: "Nodes of this #{name.to_s.tr("_", " ")}") }
      end

      # @param options [Hash]
      # @return [Hash{Symbol=>Object}] what is asked for, empty if nothing is
      def targets(options)
        lists = LISTS.to_h { |name, field| [field, Array(options[name])] }
        lists.merge(VALUES.to_h { |name| [name, options[name].to_s] }).reject { |_, wanted| wanted.empty? }
      end

      # @param options [Hash]
      # @return [Boolean] whether nodes are chosen by what they are
      def any?(options) = !targets(options).empty?

      # @param client [LocalClient]
      # @param names [Array<String>] only these; none = all that match
      # @param options [Hash]
      # @return [Hash] "nodes" as the hub knows them, by name, and whether the answer is "stale"
      # @raise [NodeNotFoundError] if none matches
      def find(client, names, options)
        targets = targets(options)
        answer = client.call("resolve", { nodes: names, **targets })
        known = answer.fetch("nodes").reject { |node| node["presence"] == "unknown" }
        return answer.merge("nodes" => known.sort_by { |node| node["name"] }) if known.any?

        asked = targets.map { |field, wanted| "#{field}: #{Array(wanted).join(",")}" }
        raise NodeNotFoundError, "no node matches #{[*names, *asked].join(", ")}; see flockctl nodes"
      end
    end
  end
end
