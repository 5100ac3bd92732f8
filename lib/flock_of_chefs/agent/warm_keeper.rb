# frozen_string_literal: true

require "monitor"
require_relative "../monotonic"
require_relative "warm_process"

module FlockOfChefs
  module Agent
    # Keeps one warm worker for the newest generation: starts it, replaces it, starts it again after a pause that grows
    # when it dies, and asks it for processes. What it cannot do, a cold worker does: {#child} then answers nil.
    class WarmKeeper
      include Monotonic

      # From a job to its process, when the recipes have to be compiled first. Shorter than the agent's native side
      # waits for a claim.
      COMPILE_S = 60
      # The same when they are compiled.
      FORK_S = 10
      # The pause after the first death; it doubles with each.
      PAUSE_S = 1
      # The longest pause.
      PAUSE_LIMIT_S = 300
      # What a worker that was let go may take to end while no job of it runs.
      END_S = 1
      # Names of this side's states.
      BACKING_OFF = "backing_off"

      # Which worker is wanted.
      Wanted = Struct.new(:generation, :folder, :data_dir, :ruby, keyword_init: true) do
        # @param event [Hash] "prepare" or "run"
        # @return [Wanted]
        def self.by(event)
          folder = event.fetch("snapshot_dir")
          new(generation: event.fetch("generation"), folder:, data_dir: File.expand_path("../..", folder),
              ruby: event.fetch("ruby"))
        end
      end

      # @param launch [#warm] {Worker::Launch}, or its double
      # @param log [Log]
      # @param compile_s [Float]
      # @param fork_s [Float]
      # @param pause_s [Float]
      # @yieldparam state [Hash] whenever it has changed: state, generation, failures, message
      def initialize(launch:, log:, compile_s: COMPILE_S, fork_s: FORK_S, pause_s: PAUSE_S, &on_state)
        @launch = launch
        @log = log
        @compile_s = compile_s
        @fork_s = fork_s
        @pause_s = pause_s
        @on_state = on_state
        @lock = Monitor.new
        @changed = @lock.new_cond
        @failures = 0
      end

      # A generation with resources that may be fired is current.
      #
      # @param event [Hash] "prepare", or a "run" with "warm"
      # @return [void]
      def prepare(event)
        @lock.synchronize do
          return if @ended || @wanted&.generation == event.fetch("generation")

          @wanted = Wanted.by(event)
          replace
          @failures = 0
          start
        end
      end

      # None is wanted any more.
      #
      # @return [void]
      def retire
        @lock.synchronize do
          @wanted = nil
          replace
          tell("cold")
        end
      end

      # @param event [Hash] "run"
      # @return [WarmChild, nil] a process that waits for its go; nil = take a cold worker
      def child(event)
        process = process_for(event) or return
        child = process.child(event.fetch("job"), event.fetch("job_file")) or return
        child if there?(child, process)
      end

      # Takes no further job. Workers end by themselves; one that cannot, because a recipe holds it, is killed.
      #
      # @return [void]
      def stop
        process = @lock.synchronize do
          @ended = true
          @wanted = nil
          @process.tap { replace }
        end
        process&.kill unless process.nil? || process.busy? || process.wait(END_S)
      end

      private

      # A job of a generation that is over is not worth a new worker: it will not be run.
      def process_for(event)
        @lock.synchronize do
          return if @wanted && @wanted.generation > event.fetch("generation")

          prepare(event)
          @launch.rotate(@launch.log_path(@wanted.data_dir)) if @process
          @process
        end
      end

      def there?(child, process)
        found = child.introduction(process.state == :warm ? @fork_s : @compile_s)
        return true if found == :here

        child.close
        return false if found == :gone

        @log.warn("warm worker #{process.pid} has not answered in time and is ended; a cold one takes the job")
        process.kill
        false
      end

      def replace
        @process&.let_go
        @process = nil
        pause_until(nil)
      end

      def start
        command = @launch.warm(@wanted.folder, @wanted.data_dir, @wanted.ruby)
        @process = WarmProcess.new(*command) { |process| changed(process) }
        tell("loading")
      rescue StandardError => e
        failed("it could not be started: #{e.message}")
      end

      # On a thread of that process.
      def changed(process)
        @lock.synchronize do
          return unless process.equal?(@process)
          return died(process) unless process.alive?

          @failures = 0 if process.state == :warm
          tell(process.state.to_s)
          spoiled if process.state == :spoiled
        end
      end

      # A process compiles once. The next one tries again, at the next job.
      def spoiled
        replace
        start
      end

      def died(process)
        status = process.wait(0)
        @process = nil
        failed("it ended (#{status&.termsig ? "signal #{status.termsig}" : "exit #{status&.exitstatus}"})")
      end

      def failed(message)
        @failures += 1
        pause_s = [@pause_s * (2**(@failures - 1)), PAUSE_LIMIT_S].min
        @log.warn("warm worker: #{message}; started again in #{pause_s} s, cold ones do its work meanwhile")
        pause_until(now + pause_s)
        tell(BACKING_OFF, message)
      end

      # One thread waits out the pause, as long as there is one.
      def pause_until(instant)
        @not_before = instant
        @changed.broadcast
        @waiter = Thread.new { wait_out } if instant && !@waiter&.alive?
      end

      def wait_out
        Thread.current.name = "flock-warm"
        @lock.synchronize do
          while @not_before && (left = @not_before - now).positive?
            @changed.wait(left)
          end
          @waiter = nil
          start_again
        end
      end

      def start_again
        return unless @not_before && @wanted && !@process

        pause_until(nil)
        start
      end

      def tell(state, message = "")
        @on_state&.call({ state:, generation: @wanted&.generation || 0, failures: @failures, message: })
      end
    end
  end
end
