# frozen_string_literal: true

require_relative "calls"
require_relative "future"
require_relative "monitor"

module FlockOfChefs
  module Remote
    # An API of a node: its methods are called as if they were here. Positional arguments and results are data, see
    # {FlockOfChefs::Calls::Value}.
    #
    #     api = FlockOfChefs["bender"][:human_api]
    #     api.killed_all_humans?
    #     api.with_timeout(60).kill("fry", 3)
    #     api.async.kill("leela")
    #     api.future.count.value(5)
    class Api
      # Ruby's own questions to any object, which are no calls.
      CONVERSIONS = /\Ato_[a-z]+\z/
      # Longest deadline of one call.
      MAX_TIMEOUT_S = 3600

      class << self
        # @param node [Node]
        # @param name [String] empty = the one that has the method
        # @return [Api]
        # @api private
        def for(node, name, timeout_ms:)
          (name == FLOCK_API ? FlockApi : Api).new(node, name, timeout_ms:)
        end

        # @param method [Symbol]
        # @return [Boolean] whether it may be one of an API
        # @api private
        def callable?(method) = !CONVERSIONS.match?(method) && method.match?(/\A[a-zA-Z_]\w*[?!]?\z/)

        # @param seconds [Numeric]
        # @return [Integer]
        # @raise [ArgumentError]
        # @api private
        def milliseconds(seconds)
          return (seconds * 1000).ceil if seconds.is_a?(Numeric) && seconds.positive? && seconds <= MAX_TIMEOUT_S

          raise ArgumentError, "a timeout is a number of seconds up to #{MAX_TIMEOUT_S}, not #{seconds.inspect}"
        end
      end

      def initialize(node, name, timeout_ms: Calls::TIMEOUT_MS, crash_on_error: false)
        @node = node
        @name = name
        @timeout_ms = timeout_ms
        @crash_on_error = crash_on_error
      end

      # @return [String]
      def node_name = @node.name

      # @return [String] empty = the one that has the method
      def api_name = @name

      # Calls a method; for names that Ruby's own objects have.
      #
      # @param method [Symbol, String]
      # @yield what the method yields, each time and in order; +yield+ there answers nil. The method goes on while
      #   at most 256 KiB wait to be taken here
      # @return [Object] what it answered
      # @raise [RemoteError] when it raised; other {Error}s when it could not be called in time
      def call(method, *arguments, &) = Calls.current.call(request(method, arguments), &)

      # @param seconds [Numeric]
      # @return [Api] the same with another deadline
      def with_timeout(seconds) = with(timeout_ms: Api.milliseconds(seconds))

      # @return [Api] the same, for calls whose exceptions also end the object that raised them: the next call finds a
      #   new one
      def crash_on_error = with(crash_on_error: true)

      # Tells when it goes down and comes up.
      #
      # @yieldparam event [Monitor::Event] on a thread of the monitor
      # @return [Monitor]
      # @raise [RejectedError] when too many are at work
      def monitor(&)
        raise ArgumentError, "name the API to monitor: FlockOfChefs[#{node_name.inspect}][:an_api]" if @name.empty?

        Monitor.new(node_name, @name, &)
      end

      # @return [Async] for calls whose answers nobody waits for: each returns once the API's host has it in its queue
      def async = Async.new(self)

      # @return [Futures] for calls whose answers are fetched later
      def future = Futures.new(self)

      # @return [String]
      def inspect = "#<#{self.class} #{[node_name, api_name].reject(&:empty?).join(".")}>"
      alias to_s inspect

      # @param method [Symbol, String]
      # @param arguments [Array]
      # @param receipt [Boolean]
      # @return [Call]
      # @api private
      def request(method, arguments, receipt: false)
        Call.new(node: node_name, api: api_name, name: method.to_s, arguments:, timeout_ms: @timeout_ms, receipt:,
                 crash_on_error: @crash_on_error)
      end

      private

      def with(**changed)
        self.class.new(@node, @name, timeout_ms: @timeout_ms, crash_on_error: @crash_on_error, **changed)
      end

      def method_missing(method, ...)
        Api.callable?(method) ? call(method, ...) : super
      end

      def respond_to_missing?(method, include_all = false) = Api.callable?(method) || super

      # An API's methods in another manner.
      class Manner
        def initialize(api)
          @api = api
        end

        private

        def method_missing(method, *arguments)
          return super unless Api.callable?(method)
          raise ArgumentError, "#{method}: what a method yields needs a call that waits for it" if block_given?

          make(@api.request(method, arguments, receipt: receipt?))
        end

        def respond_to_missing?(method, include_all = false) = Api.callable?(method) || super
      end

      # Each method answers true once the other node has taken the call in.
      class Async < Manner
        private

        def receipt? = true

        def make(call) = Calls.current.call(call).then { true }
      end

      # Each method answers a {Future}.
      class Futures < Manner
        private

        def receipt? = false

        def make(call) = Future.new { Calls.current.call(call) }
      end
    end
  end
end

require_relative "flock_api"
