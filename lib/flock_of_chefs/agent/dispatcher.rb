# frozen_string_literal: true

require "json"

module FlockOfChefs
  module Agent
    # The one Ruby thread that takes events from the native agent. A job runs on a second thread, one at a time: Chef's
    # run lock admits one action anyway; meanwhile the warm worker of a new generation is prepared.
    class Dispatcher
      # Of the thread.
      NAME = "flock-dispatch"
      # Of the thread that runs a job.
      JOB_NAME = "flock-job"
      # How long one pull waits, and so how soon {#quiet} is heeded.
      POLL_MS = 1_000
      # Pulls that fail in a row before the agent gives up, and the pause between them.
      FAILURES = 10
      # Seconds between two tries after the native agent failed.
      PAUSE_S = 1

      # Type of an event => what is done with it.
      HANDLERS = {
        "run" => ->(event) { run(event) },
        "prepare" => ->(event) { @supervisor.prepare(event) },
        "retire" => ->(_) { @supervisor.retire },
        "run_chef" => ->(event) { @chef_runs.start(event) },
        "hosts" => ->(event) { @supervisor.hosts(event) },
        "log_level" => ->(event) { @log.level = event.fetch("level") },
        "stop" => ->(event) { stop(event) }
      }.freeze

      # @return [#start] what starts Chef runs that were asked for
      attr_writer :chef_runs

      # @return [Exception, nil] what ended it, when it did not end as it was told
      attr_reader :failure

      # @param native [Native::Agent]
      # @param supervisor [Supervisor]
      # @param log [Log]
      def initialize(native, supervisor, log:, pause_s: PAUSE_S)
        @native = native
        @supervisor = supervisor
        @log = log
        @pause_s = pause_s
        @quiet = false
        @left = false
        @failures = 0
      end

      # @yield in the thread, when it ends
      # @return [void]
      def start(&at_end)
        @thread = Thread.new do
          work
        rescue Exception => e # rubocop:disable Lint/RescueException -- the main thread decides what it means
          @failure = e
        ensure
          at_end&.call
        end
        @thread.name = NAME
        @thread.report_on_exception = false
      end

      # Takes no further event; the one in hand is brought to its end.
      #
      # @return [void]
      def quiet = @quiet = true

      # @return [Boolean] whether it ended because this node left its flock
      def left? = @left

      # @return [Boolean]
      def finished? = !@thread&.alive?

      private

      def work
        until @quiet
          @job&.join(0) # raises what a job that is over has raised
          event = pull or next
          return if handle(event) == :stop
        end
      rescue NotStartedError
        nil # the native agent was stopped first
      ensure
        @job&.join
      end

      def pull
        text = @native.next_event(POLL_MS)
        @failures = 0
        text && JSON.parse(text)
      rescue FlockOfChefs::Error => e
        raise if e.is_a?(NotStartedError) || (@failures += 1) >= FAILURES

        pause(e)
      end

      def handle(event)
        taken = HANDLERS[event["type"]]
        return instance_exec(event, &taken) if taken

        @log.warn("an event of unknown type #{event["type"].inspect} was ignored")
      end

      def run(event)
        @job&.join
        return @supervisor.abandon(event, "the agent is stopping") if @quiet

        @job = Thread.new { @supervisor.run(event) }
        @job.name = JOB_NAME
        @job.report_on_exception = false # whoever joins it raises
      end

      def stop(event)
        @left = event["left"] == true
        :stop
      end

      def pause(error)
        @log.warn("no event: #{error.message}")
        sleep(@pause_s)
        nil
      end
    end
  end
end
