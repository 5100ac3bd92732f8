# frozen_string_literal: true

require_relative "limits"
require_relative "query"
require_relative "subscription"
require_relative "surroundings"

module FlockOfChefs
  module Recipe
    # What one Chef run subscribes to. It lives in +node.run_state+, which Chef never saves.
    class Subscriptions
      # Where in +node.run_state+.
      STATE_KEY = :flock_of_chefs_subscriptions

      class << self
        # @param run_context [Chef::RunContext, nil]
        # @return [Subscriptions, nil] nil for a resource outside any run
        def for(run_context)
          root = run_context&.root_run_context
          return if root&.node.nil?

          found = find(root)
          found || root.node.run_state[STATE_KEY] = new(root)
        end

        # @param root [Chef::RunContext] a root context
        # @return [Subscriptions, nil] if the word was used
        def find(root)
          found = root.node&.run_state&.fetch(STATE_KEY, nil)
          found if found&.root.equal?(root)
        end

        # @param root [Chef::RunContext]
        # @return [Array<Subscription>] of the run; none when it has declared none
        def of(root) = find(root).to_a
      end

      # @return [Chef::RunContext]
      attr_reader :root

      # @param root [Chef::RunContext]
      def initialize(root)
        @root = root
        @entries = []
        @real = Surroundings.real_run?(root)
        Surroundings.of(root).announce("remote subscriptions are not published")
      end

      # @param resource [Chef::Resource] who subscribes
      # @param declaration [Declaration]
      # @return [void]
      # @raise [ConfigurationError] when the resource cannot be fired that way, or the node has too many
      def add(resource, declaration)
        declaration.checked { check(resource, declaration.request.action) }
        sources = sources(declaration.request)
        @entries << Subscription.new(resource, declaration, sources) if sources
      end

      # @return [Array<Subscription>] equal ones once
      def to_a = @entries.uniq(&:id)

      private

      def check(resource, action)
        raise ArgumentError, nested unless resource.run_context.equal?(@root)
        raise ArgumentError, no_action(resource, action) unless resource.allowed_actions.map(&:to_s).include?(action)
        return if @entries.size < Limits::SUBSCRIPTIONS

        raise ArgumentError, "this node has #{Limits::SUBSCRIPTIONS} subscriptions already; " \
                             "let fewer of them mean more nodes, by a list, roles: or tags:"
      end

      def nested
        "a resource inside a custom resource cannot be fired from outside; " \
          "write remote_subscribes at the custom resource in the recipe"
      end

      def no_action(resource, action)
        known = resource.allowed_actions.map(&:inspect).join(", ")
        "#{resource.resource_name} has no action :#{action}; it has #{known}"
      end

      # @return [Hash, nil] nil when a search found nobody
      def sources(request)
        targets = request.query && @real ? Query.resolve(request, none: "not subscribed") : request.targets
        targets&.except("match", "when_none")
      end
    end
  end
end
