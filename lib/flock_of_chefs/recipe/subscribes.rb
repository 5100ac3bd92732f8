# frozen_string_literal: true

require_relative "declaration"
require_relative "subscriptions"

module FlockOfChefs
  module Recipe
    # The word +remote_subscribes+.
    module Subscribes
      # When a resource of *another* node was really updated, run an action of this resource here.
      #
      #     service "nginx" do
      #       action :nothing
      #       remote_subscribes :reload, "template[/etc/nginx/upstreams]", node: "lb1"
      #       remote_subscribes :restart, "package[nginx]", :delayed, roles: "base", environment: "prod"
      #     end
      #
      # It is the counterpart of +remote_notifies+, declared by the node that acts. A run that succeeds publishes what
      # it declares, and withdraws what an earlier run declared and it does not. The subscription is durable: either
      # node may be off meanwhile, and the other node, or its resource, need not exist yet. Changes from before the
      # subscription do not count. The action runs outside a Chef run, as that of a notification does.
      #
      # At least one source is needed; what chooses nodes is written as for {Notifies#remote_notifies}.
      #
      # @param action [Symbol] an action of this resource
      # @param resource_spec [String, Hash] of the other node: +"type[name]"+, or +{ "type" => "name" }+ for a name with
      #   commas
      # @param timing [Symbol] +:immediately+ (the default): when the other resource was updated; +:delayed+: at the end
      #   of the Chef run that updated it, once for all its updates; also as +timing:+
      # @option options [String, Array<String>] :node
      # @option options [String, Array<String>] :roles expanded roles of the other node
      # @option options [String, Array<String>] :recipes expanded recipes
      # @option options [String] :environment
      # @option options [String] :policy_name
      # @option options [String] :policy_group
      # @option options [String, Array<String>] :tags
      # @option options [String] :cloud
      # @option options [String, Array<String>] :services that the other node's agent offers
      # @option options [String] :query a Chef search for nodes, asked when the recipe is compiled; at most 1,000 may
      #   match
      # @option options [Numeric] :ttl seconds that a change may wait for this node; default seven days, at most 30
      # @option options [Integer] :retry how often an unknown or failed outcome is run again; default 0
      # @return [true]
      # @raise [ConfigurationError] at compile time, with the recipe's file and line, if it is written wrongly
      def remote_subscribes(action, resource_spec, timing = nil, hash = nil, **options)
        arguments = [action, resource_spec, timing, hash]
        declaration = Declaration.new(SUBSCRIBES, self, caller_locations(1, 1).first, arguments, options)
        Subscriptions.for(run_context)&.add(self, declaration)
        true
      end
    end
  end
end
