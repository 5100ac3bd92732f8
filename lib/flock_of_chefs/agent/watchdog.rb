# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Agent
    # Tells the service manager that the agent lives, where it wants to hear that (`WatchdogSec` of the unit): Ruby's
    # threads run, the native agent answers, and its store can be read. An agent that goes silent is started again.
    class Watchdog
      # How often in the time after which silence counts.
      SHARE = 3

      class << self
        # @param native [Native::Agent] which has started
        # @param log [Log]
        # @param env [Hash{String=>String}] as sd_watchdog_enabled(3) reads it
        # @return [Thread, nil] nil where nobody listens
        def start(native, log:, env: ENV)
          period = period_s(env) or return
          Thread.new { new(native, period, log:).run }.tap do |thread|
            thread.name = "flock-watchdog"
            thread.report_on_exception = false # what it cannot tell the service manager notices
          end
        end

        private

        def period_s(env)
          period = Integer(env["WATCHDOG_USEC"].to_s, 10, exception: false)
          return unless period&.positive? && [nil, Process.pid.to_s].include?(env["WATCHDOG_PID"])

          period / 1e6
        end
      end

      # @param native [Native::Agent]
      # @param period_s [Float] after which silence counts
      # @param log [Log]
      def initialize(native, period_s, log:)
        @native = native
        @pause_s = period_s / SHARE
        @log = log
      end

      # Tells it until the native agent is stopped.
      #
      # @return [void]
      def run
        loop do
          tell
          sleep(@pause_s)
        end
      rescue NotStartedError
        nil
      end

      private

      def tell
        @native.call("alive", "{}", (@pause_s * 1000).ceil)
      rescue NotStartedError
        raise
      rescue FlockOfChefs::Error => e
        @log.warn("the service manager is not told that the agent lives: #{e.message}")
      end
    end
  end
end
