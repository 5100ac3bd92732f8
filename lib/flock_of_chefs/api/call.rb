# frozen_string_literal: true

require_relative "../monotonic"

module FlockOfChefs
  module Api
    # One call of a method, as the method may see it through {Api.caller} and {Api.deadline}. It belongs to the fiber
    # that runs the method: an actor may have several at once.
    #
    # @!attribute [r] from
    #   @return [String] the caller's node
    class Call
      include Monotonic

      # Where a fiber keeps it.
      KEY = :flock_of_chefs_call

      # @return [Call, nil]
      def self.current = Thread.current[KEY]

      attr_reader :from

      # @param from [String]
      # @param timeout_ms [Integer] what is left of the caller's patience
      def initialize(from, timeout_ms)
        @from = from
        @until = now + (timeout_ms / 1000.0)
      end

      # @return [Float] seconds
      def left_s = @cancelled ? 0.0 : [@until - now, 0.0].max

      # Nobody waits any more.
      #
      # @return [void]
      def cancel = @cancelled = true

      # Runs the block as this call.
      def run
        before = Thread.current[KEY]
        Thread.current[KEY] = self
        yield
      ensure
        Thread.current[KEY] = before
      end
    end
  end
end
