# frozen_string_literal: true

# The nodes of the flock, from recipes, resources and scripts alike.
module FlockOfChefs
  class << self
    # A node by its name. It need not exist (yet): calls on it say so, within their deadline.
    #
    #     FlockOfChefs["bender0"][:flock_api].active
    #     FlockOfChefs[:bender].killed_all_humans?
    #
    # @param name [String, Symbol]
    # @return [Remote::Node]
    def [](name) = Remote::Node.new(name)

    # @return [Remote::Node] this node
    # @raise [ConfigurationError] if it is in no flock
    def me = Remote::Node.new(Remote::Own.name)

    # @param api [Symbol, String]
    # @return [Remote::Api] an API of this node
    # @raise [ConfigurationError] if it is in no flock
    def get(api) = me[api]

    # Nodes that Chef's search finds. Only within a Chef run, which has the credentials.
    #
    # @param query [String] as Chef's +search(:node, query)+ takes it
    # @return [Array<Remote::Node>] at most 1,000
    # @raise [ConfigurationError] outside of a Chef run, or when more are found
    def search(query) = Remote::Selection.search(query)

    # Nodes of the flock, also those that are not alive. All conditions must hold.
    #
    #     FlockOfChefs.nodes(roles: "cache", environment: "prod").each { |node| node[:cache].async.flush }
    #
    # @param selector [Hash] as +remote_notifies+ takes it: +node:+, +roles:+, +recipes:+, +tags:+, +services:+,
    #   +environment:+, +policy_name:+, +policy_group:+, +cloud:+; none = all nodes
    # @return [Array<Remote::Node>] by name
    # @raise [ConfigurationError] for another condition
    def nodes(**selector) = Remote::Selection.nodes(selector)
  end
end
