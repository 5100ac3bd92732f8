# frozen_string_literal: true

module FlockOfChefs
  module Run
    # How long one Chef run may wait for its agent, over all calls. Prompt answers are free, so that a run with many
    # notifications does not use up what is meant for an agent that hangs.
    class Budget
      # Milliseconds for the whole run.
      TOTAL_MS = 150
      # Milliseconds of each call that are not counted.
      FREE_MS = 10

      # Milliseconds that never go back.
      STEADY_CLOCK = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) }

      # @param total_ms [Numeric]
      # @param clock [#call]
      def initialize(total_ms = TOTAL_MS, clock: STEADY_CLOCK)
        @left_ms = total_ms
        @clock = clock
      end

      # @return [Integer] milliseconds that the next call may take; 0 = do not ask the agent
      def remaining_ms = @left_ms.floor

      # @return [Boolean]
      def spent? = remaining_ms <= 0

      # The agent did not answer: it is not asked again in this run.
      #
      # @return [void]
      def exhaust
        @left_ms = 0
      end

      # Runs the block and counts its time.
      #
      # @yieldparam timeout_ms [Integer]
      # @return [Object] the block's value
      def measure
        started = @clock.call
        yield remaining_ms
      ensure
        @left_ms -= [@clock.call - started - FREE_MS, 0].max
        @left_ms = 0 if @left_ms.negative?
      end
    end
  end
end
