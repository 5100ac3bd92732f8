# frozen_string_literal: true

require "json"
require_relative "channel"
require_relative "child"
require_relative "job"
require_relative "tempfiles"

module FlockOfChefs
  module Worker
    # The life of a process that a warm worker forks for one job. Like a cold worker it leads a process group, waits for
    # "go", and leaves a result; unlike one it has nothing left to compile.
    class Forked
      # @param job [Job]
      # @param compiled [Compile::Compiled]
      # @param line [Socket] to the agent, for this job alone: it hears who this is, and says "go"
      def initialize(job, compiled, line)
        @job = job
        @compiled = compiled
        @line = line
      end

      # Never returns, and runs none of what the compile registered for the end of its process.
      def call
        status = 1
        Tempfiles.watch
        introduce
        Child.new(@job, @compiled).call if Channel.new(@line).go?
        status = 0
      rescue SignalException => e
        end_by(e.signo)
      rescue Exception => e # rubocop:disable Lint/RescueException -- it must not come back into the warm worker's code
        warn "flock_of_chefs worker: #{e.full_message(highlight: false)}"
      ensure
        leave(status)
      end

      private

      def introduce
        Process.setpgid(0, 0)
        Process.setproctitle("flock_of_chefs worker #{@job.id}")
        Worker.job = @job
        Run::Handoff.cause = @job.cause if defined?(Run::Handoff)
        @line.write("#{JSON.generate("pid" => Process.pid, "pid_start" => start)}\n")
      end

      def start = File.read("/proc/self/stat").rpartition(")").last.split[19].to_i

      # As whoever sent it expects: by the signal itself.
      def end_by(signal)
        trap(signal, "SYSTEM_DEFAULT")
        Process.kill(signal, Process.pid)
      end

      def leave(status)
        [$stdout, $stderr].each(&:flush)
        Tempfiles.remove
      ensure
        Process.exit!(status)
      end
    end
  end
end
