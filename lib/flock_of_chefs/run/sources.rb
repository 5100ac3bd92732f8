# frozen_string_literal: true

require_relative "updates"

module FlockOfChefs
  module Run
    # Notes which resources were updated, for the delayed notifications that they cause: Chef does not tell a delayed
    # target who notified it. Subscribed when a run uses the first word.
    class Sources < Updates
      # @param events [Chef::EventDispatch::Dispatcher]
      # @param registry [Recipe::Registry]
      # @return [void]
      def self.attach(events, registry)
        events.register(new(registry)) if events.respond_to?(:register)
      end

      # @param registry [Recipe::Registry]
      def initialize(registry)
        super("note the causes of a remote notification")
        @registry = registry
      end

      # Chef's event.
      def resource_action_start(resource, action)
        guarded(@purpose) { @registry.started(resource, action) if @registry.linked?(resource) }
      end

      private

      def updated(resource, _action) = @registry.updated(resource)

      def complain(purpose, error)
        @registry.distrust_sources
        super
      end
    end
  end
end
