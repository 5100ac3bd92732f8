# frozen_string_literal: true

require_relative "declaration"
require_relative "subscriptions"

module FlockOfChefs
  module Recipe
    # The word +remote_subscribes+.
    # @api public
    module Subscribes
      # When a resource of another node was really updated, run an action of this one, outside any Chef run.
      #
      #     file "/etc/app.conf" do
      #       action :nothing
      #       content "x"
      #       remote_subscribes :create, "execute[kill all humans]", node: "bender0"
      #       remote_subscribes :create, "template[/etc/peers]", :delayed, roles: "cache", environment: "prod"
      #     end
      #
      # The subscription is made known to the flock when this run has succeeded, and holds until a later successful run
      # no longer declares it. From then on every update of the other resource counts, be it in a Chef run there or
      # because a notification ran it; none that was before. Either node may be off meanwhile, and the other node need
      # not know of it: its recipes stay as they are. Guards of this resource do not matter for declaring; they are
      # asked when it runs.
      #
      # At least one node must be chosen; several options must all hold. +node:+, +roles:+, +recipes:+, +tags:+ and
      # +services:+ take a name or a list.
      #
      # @param action [Symbol] an action of this resource
      # @param resource_spec [String, Hash] the other node's resource, +"type[name]"+, or +{ "type" => "name" }+ for a
      #   name with commas
      # @param timing [Symbol] +:immediately+ (the default) or +:delayed+, when the run that updated it is over; also as
      #   +timing:+
      # @option options [String, Array<String>] :node
      # @option options [String, Array<String>] :roles expanded roles of the other node
      # @option options [String, Array<String>] :recipes expanded recipes
      # @option options [String] :environment
      # @option options [String] :policy_name
      # @option options [String] :policy_group
      # @option options [String, Array<String>] :tags
      # @option options [String] :cloud
      # @option options [String, Array<String>] :services that the node's agent offers
      # @option options [String] :query a Chef search for nodes, asked while this run compiles; at most 1,000 may match
      # @option options [Numeric] :ttl seconds that an update may wait for this node; default seven days, at most 30
      # @option options [Integer] :retry how often an unknown or failed outcome is run again; default 0
      # @return [true]
      # @raise [ConfigurationError] at compile time, with the recipe's file and line, if it is written wrongly
      def remote_subscribes(action, resource_spec, timing = nil, hash = nil, **options)
        arguments = [action, resource_spec, timing, hash]
        declaration = Declaration.new(Word::SUBSCRIBES, self, caller_locations(1, 1).first, arguments, options)
        declaration.located do
          subscription = Subscription.of(declaration, self)
          Subscriptions.for(run_context)&.add(subscription, declaration.request)
        end
        true
      end
    end
  end
end
