# frozen_string_literal: true

require "chef/resource"
require "chef/provider"
require_relative "naming"

module FlockOfChefs
  module Recipe
    # The local stand-in for a resource of another node: what +remote_notifies+ aims Chef's own +notifies+ at. It is in
    # no resource collection and has no name in the recipe language; it belongs to the root run context, so that delayed
    # notifications from inside custom resources are de-duplicated and sent at the end of the whole run.
    #
    # What is to be sent is kept in the {Registry}, not here: Chef prints a resource's instance variables in its
    # reports.
    class Proxy < ::Chef::Resource
      # The proxy's only action.
      ACTION = :send

      self.resource_name = Naming::PROXY
      allowed_actions ACTION
      default_action :nothing
      unified_mode true if respond_to?(:unified_mode)

      # @param request [Request]
      # @param declarer [Chef::Resource] whose place in the recipes is shown in Chef's output
      # @return [Proxy]
      def self.build(request, declarer)
        new(request.label, declarer.run_context.root_run_context).tap do |proxy|
          proxy.declared_type = Naming::PROXY
          proxy.cookbook_name = declarer.cookbook_name
          proxy.recipe_name = declarer.recipe_name
          proxy.source_line = declarer.source_line
        end
      end

      # Chef passes the notifier of before and immediate notifications only here.
      def run_action(action, notification_type = nil, notifying_resource = nil)
        handover = Registry.for(run_context).prepare(self, notification_type, notifying_resource)
        ignore_failure(handover.ignore_failure)
        super
      end

      # Not looked up by name: it works in every mode and leaves Chef's handler maps alone.
      def provider_for_action(action)
        Sender.new(self, run_context).tap { |provider| provider.action = action }
      end

      # As the log resource does: the node itself has not changed.
      def suppress_up_to_date_messages? = true

      # Hands one notification over.
      class Sender < ::Chef::Provider
        # There is no state to load.
        def load_current_resource; end

        # Does nothing when the notification was armed by a why-run pass only.
        def action_send
          handover = Registry.for(run_context).handover_of(new_resource)
          return if handover.nil? || handover.void?

          converge_by("hand over to the flock") do
            handover.deliver
            handover.await
          end
        end

        # Sending changes nothing on this node; it must not count among "resources updated".
        def set_updated_status
          events.resource_up_to_date(new_resource, action)
        end
      end
    end
  end
end
