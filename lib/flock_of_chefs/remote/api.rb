# frozen_string_literal: true

require_relative "calls"
require_relative "future"

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
        def for(node, name, timeout_ms:)
          (name == FLOCK_API ? FlockApi : Api).new(node, name, timeout_ms:)
        end

        # @param method [Symbol]
        # @return [Boolean] whether it may be one of an API
        def callable?(method) = !CONVERSIONS.match?(method) && method.match?(/\A[a-zA-Z_]\w*[?!]?\z/)

        # @param seconds [Numeric]
        # @return [Integer]
        # @raise [ArgumentError]
        def milliseconds(seconds)
          return (seconds * 1000).ceil if seconds.is_a?(Numeric) && seconds.positive? && seconds <= MAX_TIMEOUT_S

          raise ArgumentError, "a timeout is a number of seconds up to #{MAX_TIMEOUT_S}, not #{seconds.inspect}"
        end
      end

      def initialize(node, name, timeout_ms: Calls::TIMEOUT_MS)
        @node = node
        @name = name
        @timeout_ms = timeout_ms
      end

      # @return [String]
      def node_name = @node.name

      # @return [String] empty = the one that has the method
      def api_name = @name

      # Calls a method; for names that Ruby's own objects have.
      #
      # @param method [Symbol, String]
      # @return [Object] what it answered
      # @raise [RemoteError] when it raised; other {Error}s when it could not be called in time
      def call(method, *arguments) = Calls.current.call(request(method, arguments))

      # @param seconds [Numeric]
      # @return [Api] the same with another deadline
      def with_timeout(seconds) = self.class.new(@node, @name, timeout_ms: Api.milliseconds(seconds))

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
        Call.new(node: node_name, api: api_name, name: method.to_s, arguments:, timeout_ms: @timeout_ms, receipt:)
      end

      private

      def method_missing(method, *arguments)
        Api.callable?(method) ? call(method, *arguments) : super
      end

      def respond_to_missing?(method, include_all = false) = Api.callable?(method) || super

      # An API's methods in another manner.
      class Manner
        def initialize(api)
          @api = api
        end

        private

        def method_missing(method, *arguments)
          Api.callable?(method) ? make(@api.request(method, arguments, receipt: receipt?)) : super
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
