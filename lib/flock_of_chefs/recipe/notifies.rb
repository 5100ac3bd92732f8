# frozen_string_literal: true

require_relative "declaration"
require_relative "registry"

module FlockOfChefs
  module Recipe
    # The word +remote_notifies+.
    # @api public
    module Notifies
      # When this resource was really updated, have other nodes run an action of one of *their* resources.
      #
      #     file "/etc/app.conf" do
      #       content "x"
      #       remote_notifies :reload, "service[nginx]", node: "web1"
      #       remote_notifies :run, "execute[warm up]", :delayed, roles: "cache", environment: "prod", match: "50%"
      #     end
      #
      # It behaves as Chef's own +notifies+: guards, why-run, de-duplication of delayed notifications, and delayed
      # notifications of a run that fails later. "Immediately" means that the notification is kept durably by this
      # node's agent at that moment, not that the other node has acted. It can fail the run only if it can be kept
      # nowhere (or its +query:+ fails), or with +wait:+; then +ignore_failure+ of this resource holds.
      #
      # At least one target is needed; several must all hold. +node:+, +roles:+, +recipes:+, +tags:+ and +services:+
      # take a name or a list.
      #
      # @param action [Symbol] the action of the target's resource
      # @param resource_spec [String, Hash] +"type[name]"+, or +{ "type" => "name" }+ for a name with commas
      # @param timing [Symbol] +:before+, +:immediately+ (the default) or +:delayed+; also as +timing:+
      # @option options [String, Array<String>] :node
      # @option options [String, Array<String>] :roles expanded roles of the node
      # @option options [String, Array<String>] :recipes expanded recipes
      # @option options [String] :environment
      # @option options [String] :policy_name
      # @option options [String] :policy_group
      # @option options [String, Array<String>] :tags
      # @option options [String] :cloud
      # @option options [String, Array<String>] :services that the node's agent offers
      # @option options [String] :query a Chef search for nodes, asked when the notification is sent; at most 1,000 may
      #   match
      # @option options [Symbol, Integer, String] :match +:all+ (default), +:any+, a number, or a share such as +"50%"+
      # @option options [Symbol] :when_none +:undeliverable+ (default), +:warn+ or +:wait+
      # @option options [Numeric] :ttl seconds that it may wait for its target; default seven days, at most 30
      # @option options [Integer] :retry how often an unknown or failed outcome is run again on the target; default 0
      # @option options [Numeric, true] :wait seconds that the run waits, once this is sent, until it is done at all
      #   targets; true = as long as +wait_until+ waits. If it ends otherwise, or the time is up, this fails
      # @return [true]
      # @raise [ConfigurationError] at compile time, with the recipe's file and line, if it is written wrongly
      def remote_notifies(action, resource_spec, timing = nil, hash = nil, **options)
        arguments = [action, resource_spec, timing, hash]
        declaration = Declaration.new(Word::NOTIFIES, self, caller_locations(1, 1).first, arguments, options)
        proxy = Registry.for(run_context)&.proxy_for(declaration, self)
        notifies(Proxy::ACTION, proxy, declaration.timing) if proxy
        true
      end
    end
  end
end
