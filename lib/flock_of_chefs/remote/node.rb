# frozen_string_literal: true

require_relative "api"

module FlockOfChefs
  module Remote
    # A node of the flock, or one that may be some day: a handle is always there, and a call on it raises a typed error
    # within its deadline when the node cannot answer.
    #
    #     FlockOfChefs["bender0"][:flock_api].run_chef
    #     FlockOfChefs[:bender].killed_all_humans? # of the one API of bender that has this method
    class Node
      # @return [String]
      attr_reader :name

      # @param name [String, Symbol]
      # @param timeout_ms [Integer] deadline of its calls
      # @raise [ConfigurationError] if there is no name
      def initialize(name, timeout_ms: Calls::TIMEOUT_MS)
        @name = name.to_s
        @timeout_ms = timeout_ms
        raise ConfigurationError, "a node's name is not empty" if @name.empty?
      end

      # @param api [Symbol, String]
      # @return [Api]
      def [](api) = Api.for(self, api.to_s, timeout_ms: @timeout_ms)

      # @param seconds [Numeric] deadline of the calls of the result
      # @return [Node] the same node
      # @raise [ArgumentError] if that is no time
      def with_timeout(seconds) = Node.new(name, timeout_ms: Api.milliseconds(seconds))

      # @return [Api::Async] calls whose answers nobody waits for
      def async = self[""].async

      # @return [Api::Futures] calls whose answers are fetched later
      def future = self[""].future

      # @return [String] what the flock knows of it: "alive", "suspect", "gone" or "unknown"
      # @raise [Error] if no agent of this node answers
      def presence
        known = Calls.current.ask("resolve", { nodes: [name] })["nodes"].first.fetch("presence")
        Reads.note(Read.new(node: name, topic: "presence", version: known, description: "#{name}.presence",
                            value: known))
        known
      end

      # Tells when it goes down and comes up.
      #
      # @yieldparam event [Monitor::Event] on a thread of the monitor
      # @return [Monitor]
      # @raise [RejectedError] when too many are at work
      def monitor(&) = Monitor.new(name, &)

      # @return [Boolean]
      def ==(other) = other.is_a?(Node) && other.name == name
      alias eql? ==

      # @return [Integer]
      def hash = name.hash

      # @return [String]
      def inspect = "#<#{self.class} #{name}>"
      alias to_s inspect

      private

      # A method of the node itself is one of its APIs: the only one that has it.
      def method_missing(method, ...)
        return super unless Api.callable?(method)

        self[""].call(method, ...)
      end

      def respond_to_missing?(method, include_all = false) = Api.callable?(method) || super
    end
  end
end
