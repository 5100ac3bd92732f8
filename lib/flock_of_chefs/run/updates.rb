# frozen_string_literal: true

require "chef/config"
require_relative "guarded"

module FlockOfChefs
  module Run
    # Listens to a run's events and tells which resources were really updated, as Chef's runner sees it when it decides
    # whom they notify; resources inside custom resources, too. Subclasses say what to do about it.
    #
    # It is no Chef::EventDispatch::Base: Chef skips the events that a listener has no method for, and so a run in which
    # nothing changes pays for one short call per resource.
    class Updates
      include Guarded

      # @param purpose [String] what a subclass does, for the complaint when it cannot
      def initialize(purpose)
        @purpose = purpose
        @touched = {}.compare_by_identity
      end

      # Chef's event; it also comes in why-run and in the dry pass before a +before+ notification.
      def resource_updated(resource, action)
        @touched[resource] = action
      end

      # Chef's event: an ignored failure does not keep a resource from notifying.
      def resource_failed(resource, action, _exception)
        resource.ignore_failure ? @touched[resource] = action : @touched.delete(resource)
      end

      # Chef's event, once for each action, however often it was retried: only now is it known whether it notifies.
      def resource_completed(resource)
        return if @touched.empty?

        action = @touched.delete(resource)
        guarded(@purpose) { updated(resource, action) if action && notifies?(resource) }
      end

      private

      # As Chef's runner decides it. The dry pass before a +before+ notification and a whole why-run update nothing, and
      # a resource that runs at compile time has no runner, and so notifies nobody.
      def notifies?(resource)
        !::Chef::Config[:why_run] && resource.updated_by_last_action? && resource.run_context&.runner
      end

      # @param resource [Chef::Resource]
      # @param action [Symbol]
      def updated(resource, action) = raise(NotImplementedError, "#{self.class} says nothing of #{resource} #{action}")
    end
  end
end
