# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Remote
    # Many nodes at once.
    # @api private
    module Selection
      # Conditions with lists, and those with one value.
      LISTS = %i[node roles recipes tags services].freeze
      # See {LISTS}.
      VALUES = %i[environment policy_name policy_group cloud].freeze
      # Nodes that one search may find.
      LIMIT = 1_000

      class << self
        # @param selector [Hash]
        # @return [Array<Node>]
        def nodes(selector)
          unknown = selector.keys - LISTS - VALUES
          if unknown.any?
            raise ConfigurationError,
                  "nodes takes #{(LISTS + VALUES).join(", ")}, not #{unknown.join(", ")}"
          end

          found = Calls.current.ask("resolve", targets(selector))["nodes"]
          found.reject { |node| node["presence"] == "unknown" }.map { |node| Node.new(node["name"]) }
        end

        # @param query [String]
        # @return [Array<Node>]
        def search(query)
          raise ConfigurationError, "FlockOfChefs.search asks Chef's search: call it within a Chef run" \
            unless defined?(::Chef::Search::Query) || in_chef?

          names = found(query)
          raise ConfigurationError, "#{names.size} nodes match #{query.inspect}; at most #{LIMIT} are possible" \
            if names.size > LIMIT

          names.map { |name| Node.new(name) }
        end

        private

        def targets(selector)
          selector.to_h do |name, value|
            [name == :node ? :nodes : name, LISTS.include?(name) ? Array(value).map(&:to_s) : value.to_s]
          end
        end

        def in_chef?
          require "chef/search/query" if defined?(::Chef::Config)
          defined?(::Chef::Search::Query)
        end

        def found(query)
          rows = ::Chef::Search::Query.new.search(:node, query, filter_result: { name: ["name"] },
                                                                rows: LIMIT + 1).first
          rows.filter_map { |row| row["name"] }.uniq.sort
        end
      end
    end
  end
end
