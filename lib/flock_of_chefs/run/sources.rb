# frozen_string_literal: true

require "chef/config"
require "chef/event_dispatch/base"
require_relative "guarded"

module FlockOfChefs
  module Run
    # Notes which resources were updated, for the delayed notifications that they cause: Chef does not tell a delayed
    # target who notified it. Subscribed when a run uses the first word.
    class Sources < ::Chef::EventDispatch::Base
      include Guarded

      # @param events [Chef::EventDispatch::Dispatcher]
      # @param registry [Recipe::Registry]
      # @return [void]
      def self.attach(events, registry)
        events.register(new(registry)) if events.respond_to?(:register)
      end

      # @param registry [Recipe::Registry]
      def initialize(registry)
        super()
        @registry = registry
        @failed = {}.compare_by_identity
      end

      # Chef's event.
      def resource_action_start(resource, action, _notification_type = nil, _notifier = nil)
        note { @registry.started(resource, action) if @registry.linked?(resource) }
      end

      # Chef's event: an ignored failure does not keep a resource from notifying.
      def resource_failed(resource, _action, _exception)
        note { @failed[resource] = true unless resource.ignore_failure }
      end

      # Chef's event: only now is it known whether the resource notifies.
      def resource_completed(resource)
        note do
          failed = @failed.delete(resource)
          @registry.updated(resource) if notified?(resource) && !failed
        end
      end

      private

      # As Chef's runner decides it. The dry pass before a +before+ notification and a whole why-run update nothing, and
      # a resource that runs at compile time has no runner, and so notifies nobody.
      def notified?(resource)
        !::Chef::Config[:why_run] && resource.updated_by_last_action? && resource.run_context&.runner
      end

      def complain(purpose, error)
        @registry.distrust_sources
        super
      end

      def note(&) = guarded("note the causes of a remote notification", &)
    end
  end
end
