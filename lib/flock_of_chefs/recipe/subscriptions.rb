# frozen_string_literal: true

require "json"
require_relative "limits"
require_relative "per_run"
require_relative "query"
require_relative "subscription"
require_relative "surroundings"

module FlockOfChefs
  module Recipe
    # What the recipes of one Chef run subscribe to. A run that succeeds writes it beside its snapshot; from there the
    # agent makes it known.
    class Subscriptions
      extend PerRun

      # Where in +node.run_state+.
      STATE_KEY = :flock_of_chefs_subscriptions

      # @return [Chef::RunContext]
      attr_reader :root

      # @param root [Chef::RunContext]
      def initialize(root)
        @root = root
        @entries = {}
        @bytes = 0
        @recorded = Surroundings.real_run?(root)
        Surroundings.of(root).announce("remote subscriptions are not recorded")
      end

      # Asks the +query:+, if there is one. A query that finds nobody is logged, and nothing is recorded.
      #
      # @param subscription [Subscription]
      # @param request [Request]
      # @return [void]
      # @raise [ArgumentError] beyond the limits
      # @raise [ConfigurationError] if a query finds too many nodes; and whatever a search raises
      def add(subscription, request)
        return unless @recorded

        sources = request.query ? Query.resolve(request, "nothing is subscribed to") : request.targets
        return if sources.nil?

        keep(subscription.dup.tap { |copy| copy.sources = sources.except("match", "when_none") }.to_entry)
      end

      # @return [Array<Hash>] as in subscriptions.json, in the order of declaration, each once
      def to_a = @entries.values

      # @return [Hash{String=>Array<String>}] the actions that each subscribing resource may be asked to run
      def actions
        to_a.group_by { |entry| entry["key"] }
            .transform_values { |entries| entries.map { |entry| entry["action"] }.uniq }
      end

      private

      def keep(entry)
        return if @entries.key?(entry["id"])

        check(size = JSON.generate(entry).bytesize)
        @entries[entry["id"]] = entry
        @bytes += size
      end

      def check(size)
        if size > Limits::SUBSCRIPTION_BYTES
          raise ArgumentError, "it has #{size} bytes; at most #{Limits::SUBSCRIPTION_BYTES} are possible. Choose the " \
                               "nodes by roles:, tags: or environment:"
        end
        return if @entries.size < Limits::SUBSCRIPTIONS && @bytes + size <= Limits::SUBSCRIPTIONS_BYTES

        raise ArgumentError, "a node may have #{Limits::SUBSCRIPTIONS} subscriptions of " \
                             "#{Limits::SUBSCRIPTIONS_BYTES} bytes together; subscribe to fewer resources, or let " \
                             "one resource notify the others"
      end
    end
  end
end
