# frozen_string_literal: true

require "json"
require_relative "hosts"
require_relative "warm_keeper"
require_relative "worker_process"

module FlockOfChefs
  module Agent
    # Runs one job in one worker, warm or cold, and tells the native agent how that went. The claim, with the process's
    # identity, is on disk before the worker is told to go: a worker that nobody remembers never acts.
    class Supervisor
      # Between TERM and KILL, when a worker overran its time.
      KILL_AFTER_S = 10
      # The deadline of one call to the native agent.
      CALL_MS = 10_000
      # Attempts to hand over how a job ended, a second apart; the result file keeps it for the next start anyway.
      REPORTS = 5
      # How long a worker may take if its job does not say.
      DEFAULT_TIMEOUT_MS = 600_000

      # @param native [Native::Agent]
      # @param log [Log]
      # @param launch [#command, #warm] {Worker::Launch}, or its double
      # @param keeper [#child, #prepare, #retire, #stop] keeps the warm worker
      # @param hosts [#want, #close] keeps the processes of APIs
      def initialize(native, log:, launch: nil, keeper: nil, hosts: Hosts.new(native, log:),
                     kill_after_s: KILL_AFTER_S, report_pause_s: 1)
        @native = native
        @log = log
        @launch = launch
        @keeper = keeper
        @hosts = hosts
        @kill_after_s = kill_after_s
        @report_pause_s = report_pause_s
      end

      # @param event [Hash] a "run" event
      # @return [void]
      def run(event)
        worker = start(event) or return
        @current = worker
        claim(event, worker) ? finish(event, worker) : worker.call_off
      ensure
        @current = nil
        worker&.close
      end

      # A generation is current for which a warm worker is worth its memory.
      #
      # @param event [Hash] a "prepare" event
      # @return [void]
      def prepare(event) = keeper.prepare(event)

      # No warm worker is wanted.
      #
      # @return [void]
      def retire = keeper.retire

      # Other processes of APIs are wanted, or the same with other code.
      #
      # @param event [Hash] a "hosts" event
      # @return [void]
      def hosts(event) = @hosts.want(event)

      # Lets the warm worker and the processes of APIs go. A job that runs goes on.
      #
      # @return [void]
      def close
        @hosts.close
        @keeper&.stop
      end

      # Gives a job back that nothing was done for.
      #
      # @param event [Hash]
      # @param message [String] why
      # @return [void]
      def abandon(event, message)
        @log.warn("job #{event["job"]}: #{message}")
        report("job_abandoned", job: event["job"], message:)
      end

      # @return [Integer, nil] the worker that runs now
      def running_pid = @current&.pid

      # Ends the worker that runs now, without waiting for it.
      #
      # @return [void]
      def terminate = @current&.signal(:TERM)

      private

      def start(event)
        warm = keeper.child(event) if event["warm"]
        warm || WorkerProcess.new(*launch.command(event, event["ruby"]))
      rescue StandardError, LoadError => e
        abandon(event, "could not start a worker: #{e.message}")
        nil
      end

      def launch
        @launch ||= begin
          require_relative "../worker/launch"
          Worker::Launch
        end
      end

      def keeper
        @keeper ||= WarmKeeper.new(launch:, log: @log) { |state| tell(state) }
      end

      # Only for people who ask how the worker is.
      def tell(state)
        call("worker_state", **state)
      rescue FlockOfChefs::Error
        nil
      end

      def claim(event, worker)
        call("job_claimed", job: event["job"], pid: worker.pid, pid_start: worker.pid_start)
        true
      rescue FlockOfChefs::Error => e
        worker.call_off
        reap_called_off(worker)
        abandon(event, "its claim could not be recorded: #{e.message}")
        false
      end

      def reap_called_off(worker) = worker.wait(@kill_after_s) || worker.terminate(@kill_after_s)

      def finish(event, worker)
        worker.go
        limit_s = (event["timeout_ms"] || DEFAULT_TIMEOUT_MS) / 1000.0
        status = worker.wait(limit_s)
        timed_out = status.nil?
        status ||= worker.terminate(@kill_after_s)
        report("job_finished", job: event["job"], exit: status&.exitstatus, signal: status ? status.termsig : 9,
                               timed_out:, stderr_tail: worker.tail)
      end

      def report(operation, **body)
        attempts = 0
        begin
          call(operation, **body)
        rescue FlockOfChefs::Error => e
          attempts += 1
          retry if again?(e, attempts)
          @log.warn("#{operation} of job #{body[:job]} was not taken: #{e.message}")
        end
      end

      def again?(error, attempts)
        return false unless error.retryable? && attempts < REPORTS

        sleep(@report_pause_s)
        true
      end

      def call(operation, **body) = JSON.parse(@native.call(operation, JSON.generate(body), CALL_MS))
    end
  end
end
