# frozen_string_literal: true

require "chef/log"
require_relative "../errors"
require_relative "limits"

module FlockOfChefs
  module Recipe
    # Asks Chef's search which nodes a +query:+ means: when a notification is sent, when a subscription is declared. The
    # run has the credentials for it; the agent has not.
    module Query
      class << self
        # A failing search fails the notification's proxy, as a search in a recipe fails the run.
        #
        # @param request [Request]
        # @param otherwise [String] what is said to follow when nobody is found
        # @return [Hash{String=>Object}, nil] targets with the nodes found, or nil if there are none
        # @raise [ConfigurationError] if more nodes match than one notification may have
        def resolve(request, otherwise = "nothing is sent")
          found = names(request.query)
          asked = request.targets["nodes"]
          found &= asked unless asked.empty?
          return report_none(request, otherwise) if found.empty?

          request.targets.merge("nodes" => found.uniq.sort)
        end

        private

        def names(query)
          require "chef/search/query"
          rows, _start, total = ::Chef::Search::Query.new.search(:node, query, filter_result: { name: ["name"] },
                                                                               rows: Limits::TARGETS)
          return rows.filter_map { |row| row["name"] } if total <= Limits::TARGETS

          message = "query: '#{query}' finds #{total} nodes; at most #{Limits::TARGETS} are possible. Choose by " \
                    "roles:, tags: or environment:, which have no such limit"
          raise ConfigurationError.new(message, code: "too_many_targets")
        end

        # An empty list of nodes would mean "any node", so nothing may be sent.
        def report_none(request, otherwise)
          level = request.targets["when_none"] == "warn" ? :warn : :error
          ::Chef::Log.public_send(level, "flock_of_chefs: #{request.label}: no node matches; #{otherwise}")
          nil
        end
      end
    end
  end
end
