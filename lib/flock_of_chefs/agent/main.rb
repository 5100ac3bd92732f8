# frozen_string_literal: true

require "json"
require_relative "../../flock_of_chefs"
require_relative "../monotonic"
require_relative "chef_runs"
require_relative "dispatcher"
require_relative "log"
require_relative "supervisor"
require_relative "wakeups"
require_relative "watchdog"

module FlockOfChefs
  # The Ruby side of the resident process: it pulls events and runs workers; everything else is native.
  # @api private
  module Agent
    # `flockctl agent`: starts, sleeps until a signal, stops. The first signal takes no further work and waits for the
    # action that runs; the second ends it. An action that outlasts the grace is left alone: its worker writes its
    # result to disk, and the next agent reads it there.
    class Main
      include Monotonic

      # How long a running action is waited for.
      GRACE_S = 10
      # What the native agent may take for what it has in hand, and what is waited for it in all.
      NATIVE_GRACE_MS = 1_000
      # Seconds after which the process ends without the native agent.
      NATIVE_STOP_S = 6
      # The same when this node has left its flock: the native agent has its identity to put away.
      LEFT_STOP_S = 40

      # @param native [Native::Agent] a new one
      # @param grace_s [Float]
      # @param log [Log]
      # @param supervisor [Supervisor]
      def initialize(native, grace_s: GRACE_S, log: Log.new, supervisor: Supervisor.new(native, log:))
        @native = native
        @grace_s = grace_s
        @log = log
        @supervisor = supervisor
        @dispatcher = Dispatcher.new(native, supervisor, log:)
        @wakeups = Wakeups.new
      end

      # Returns when the agent has stopped.
      #
      # @return [Integer] exit code: 0 when it was told to stop
      # @raise [FlockOfChefs::Error] when it cannot start
      def run
        @wakeups.trap # first of all: whoever hears that the agent serves may tell it to stop at once
        starter = start
        early = @wakeups.pop == :signal
        info = (early ? called_off(starter) : starter.value) or return not_started
        announce(info = JSON.parse(info))
        @dispatcher.chef_runs = ChefRuns.new(@native, info, log: @log)
        Watchdog.start(@native, log: @log)
        @dispatcher.start { @wakeups.push(:dispatcher) }
        @wakeups.pop unless early
        stop
        verdict
      ensure
        @wakeups.close
      end

      private

      # On a thread, so that a signal ends a start that hangs.
      def start
        Thread.new do
          Thread.current.report_on_exception = false
          @native.start
        ensure
          @wakeups.push(:started)
        end
      end

      # @return [String, nil] what the start came to, where it was over already
      def called_off(starter)
        starter.kill
        starter.join(NATIVE_STOP_S)&.value
      end

      def not_started
        @log.info("told to stop before it served")
        0
      end

      def announce(info)
        @log.json = info["log_format"] == "json"
        @log.info("agent #{info["name"]} runs (pid #{Process.pid})")
        @log.level = info["log_level"] if info["log_level"]
      end

      def stop
        @log.info("stopping") if @dispatcher.failure.nil?
        @dispatcher.quiet
        impatient = wait_for_dispatcher == :signal
        leave_or_end(impatient)
        @supervisor.close
        stop_native(impatient ? 0 : NATIVE_GRACE_MS)
      end

      # @return [Symbol, nil] +:signal+ when there was a second one
      def wait_for_dispatcher
        deadline = now + @grace_s
        until @dispatcher.finished? || now >= deadline
          return :signal if @wakeups.pop(deadline - now) == :signal
        end
      end

      def leave_or_end(impatient)
        pid = @supervisor.running_pid or return
        return @log.warn("worker #{pid} goes on; its result is read at the next start") unless impatient

        @log.warn("worker #{pid} is ended")
        @supervisor.terminate
      end

      # On a thread, so that not even a native agent that hangs keeps the process.
      def stop_native(grace_ms)
        stopper = Thread.new { @native.stop(grace_ms) }
        stopper.report_on_exception = false
        limit_s = @dispatcher.left? ? LEFT_STOP_S : NATIVE_STOP_S
        @log.warn("the native agent did not stop within #{limit_s} s") unless stopper.join(limit_s)
      rescue FlockOfChefs::Error => e
        @log.warn("stopped with an error: #{e.message}")
      end

      def verdict
        failure = @dispatcher.failure or return 0
        @log.warn("the dispatcher failed: #{failure.message} (#{failure.class})")
        1
      end
    end
  end
end
