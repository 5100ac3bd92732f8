# frozen_string_literal: true

require "chef/config"
require "chef/event_dispatch/base"
require_relative "guarded"

module FlockOfChefs
  module Run
    # Hears which resources were really updated: those for which Chef's own runner notifies. A subclass says what to do
    # with them (+updated+) and what for (+purpose+).
    class Updates < ::Chef::EventDispatch::Base
      include Guarded

      # Of our own stand-ins, which change nothing on this node.
      PROXY = "flock_notification"

      def initialize
        super
        @actions = {}.compare_by_identity
        @failed = {}.compare_by_identity
      end

      # Chef's event.
      def resource_action_start(resource, action, _notification_type = nil, _notifier = nil)
        @actions[resource] = action
      end

      # Chef's event: an ignored failure does not keep a resource from notifying.
      def resource_failed(resource, _action, _exception)
        @failed[resource] = true unless resource.ignore_failure
      end

      # Chef's event: only now is it known whether the resource notifies.
      def resource_completed(resource)
        action = @actions.delete(resource)
        failed = @failed.delete(resource)
        guarded(purpose) { updated(resource, action) if !failed && notified?(resource) }
      end

      private

      # As Chef's runner decides it. The dry pass before a +before+ notification and a whole why-run update nothing, and
      # a resource that runs at compile time has no runner, and so notifies nobody.
      def notified?(resource)
        resource.updated_by_last_action? && !::Chef::Config[:why_run] && resource.run_context&.runner &&
          resource.declared_type.to_s != PROXY
      end
    end
  end
end
