# frozen_string_literal: true

require_relative "compile"
require_relative "control"
require_relative "forked"
require_relative "learning"
require_relative "output"

module FlockOfChefs
  module Worker
    # A resident worker for one generation: it loads Chef at once, compiles when the first job comes, and forks one
    # process per job. It runs nothing itself, holds no lock, and ends when the agent closes the connection.
    #
    # Messages of the agent: +{"job_file"}+ with a descriptor, the line to the forked process. Its own:
    # +{"state": "loaded" | "compiling" | "warm" | "spoiled"}+ and +{"ended": JOB, "exit", "signal"}+.
    class Warm
      # @param control [Control]
      # @param folder [String] of the generation
      # @param data_dir [String] the agent's folder
      def initialize(control, folder, data_dir)
        @control = control
        @folder = folder
        @output = Output.new(data_dir)
        @jobs = Thread::Queue.new
        @children = {}
      end

      # @return [Integer] the exit status
      def call
        listen
        load_chef
        while (message, line = @jobs.pop)
          serve(message, line)
          settle if @jobs.empty?
        end
        @children.each_value(&:join)
        0
      end

      private

      # On a thread, so that this process ends with the agent even while a recipe body that never ends is evaluated.
      def listen
        Thread.new do
          while (heard = @control.hear)
            @jobs.push(heard)
          end
          leave if @children.empty?
          @jobs.close
        end
      end

      def leave
        Learning.abandon
      ensure
        Process.exit!(0)
      end

      def load_chef
        Preload.chef
        require_relative "quiet_dispatcher"
        Learning.basics(JSON.parse(File.read(File.join(@folder, "snapshot.json"))), @control)
        tell("state" => "loaded")
      rescue StandardError, ScriptError => e # the compile will say it to the one who asks
        warn "flock_of_chefs worker: loading Chef failed: #{e.full_message(highlight: false)}"
      end

      def serve(message, line)
        job = Job.read(message.fetch("job_file"))
        @output.reopen
        compiled = compile(job)
        watch(job.id, fork_for(job, compiled, line))
        tell("state" => "spoiled") if compiled.error
      rescue Job::Invalid, SystemCallError => e # without a line the agent sees that there is no process
        warn "flock_of_chefs worker: #{e.message}"
      ensure
        line.close
      end

      def compile(job)
        return @compiled if @compiled

        tell("state" => "compiling")
        compiled = Compile.attempt(job)
        return compiled unless compiled.attempted?

        unless compiled.error
          compiled.by_key
          tell("state" => "warm")
        end
        @compiled = compiled
      end

      def fork_for(job, compiled, line)
        [$stdout, $stderr].each(&:flush)
        fork do
          @control.close
          Forked.new(job, compiled, line).call
        end
      end

      def watch(job, pid)
        waiter = Process.detach(pid)
        @children[pid] = Thread.new do
          status = waiter.value
          @children.delete(pid)
          tell("ended" => job, "exit" => status.exitstatus, "signal" => status.termsig)
        end
      end

      # Once, after the first job has left: what the following ones save, the first one does not wait for.
      def settle
        return if @settled || @compiled.nil? || @compiled.error

        @settled = true
        Learning.providers(@compiled.run_context, @control)
        tidy
      end

      # So that collections in forked processes, which would copy this one's pages, find nothing to do.
      def tidy = Process.respond_to?(:warmup) ? Process.warmup : GC.start

      def tell(message) = @control.tell(message)
    end
  end
end
