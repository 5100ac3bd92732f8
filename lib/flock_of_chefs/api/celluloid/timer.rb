# frozen_string_literal: true

require_relative "../../monotonic"

module Celluloid
  # Something that an actor does later, or again and again.
  class Timer
    include FlockOfChefs::Monotonic

    # @return [Float] of the monotonic clock
    attr_reader :due

    # @param seconds [Numeric]
    # @param again [Boolean]
    def initialize(seconds, again: false, &block)
      @seconds = seconds
      @again = again
      @block = block
      reset
    end

    # Begins its time anew.
    #
    # @return [void]
    def reset = @due = now + @seconds

    # @return [void]
    def cancel = @due = nil

    # @return [Boolean]
    def due? = !@due.nil? && @due <= now

    # @return [Boolean] whether it will be due again
    def over? = @due.nil?

    # Takes this turn.
    #
    # @return [Proc]
    def fire
      @again ? reset : cancel
      @block
    end
  end
end
