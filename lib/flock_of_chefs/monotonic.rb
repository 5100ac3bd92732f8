# frozen_string_literal: true

module FlockOfChefs
  # Seconds that never go back, for measuring and waiting. Included, it is a private method.
  #
  # @example
  #   deadline = FlockOfChefs::Monotonic.now + 10
  # @api private
  module Monotonic
    module_function

    # @return [Float] seconds since whenever
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
