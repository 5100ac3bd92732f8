# frozen_string_literal: true

require_relative "../run/files"
require_relative "outcome"
require_relative "redaction"
require_relative "result"
require_relative "target"
require_relative "target_runner"

module FlockOfChefs
  module Worker
    # The part of a worker's life that touches the machine: under Chef's run lock, the target only, then the result
    # file.
    #
    # It needs nothing but a job and a compiled run context: a cold worker does it itself, a warm one in a process that
    # it forks.
    class Child
      # That an action is to begin could not be written down.
      class Unmarked < StandardError; end

      # @param job [Job]
      # @param compiled [Compile::Compiled]
      def initialize(job, compiled)
        @job = job
        @compiled = compiled
      end

      # Writes the result file, in every case but one.
      #
      # @raise [Unmarked] nothing was run; without a trace of it the agent tries again
      # @raise [SystemCallError] when the result cannot be written
      def call
        outcome = locked { act }
        Result.write(@job, outcome)
        reboot(outcome)
      end

      private

      # The lock of the run that left the snapshot: local mode and server mode lock different files. Never waited for:
      # the agent asks again when the converge that holds it is over.
      def locked
        return Outcome.stale unless lockfile
        # Chef itself could not be loaded: nothing will be run, and there is nothing to lock with.
        return Outcome.uncompiled(@compiled.error) unless defined?(Chef::RunLock)

        lock = Chef::RunLock.new(lockfile)
        return Outcome.busy unless lock.test

        lock.save_pid
        yield
      ensure
        lock&.release
      end

      def lockfile
        @compiled.lockfile || @job.snapshot.dig("config", "lockfile") if @job.current?
      rescue Errno::ENOENT
        nil # the generation is gone
      end

      def act
        return Outcome.stale unless @job.current? && @compiled.attempted?
        return Outcome.uncompiled(@compiled.error) if @compiled.error

        target = Target.find(@compiled, @job)
        target.is_a?(Target::Refusal) ? Outcome.failed(target.code, target.message) : run(target)
      rescue Unmarked
        raise
      rescue StandardError => e # a fault of ours; without a result the outcome could not be known
        warn "flock_of_chefs worker: #{e.full_message(highlight: false)}"
        Outcome.failed(File.exist?(@job.started) ? "action_failed" : "compile_failed", Redaction.message(e, []))
      end

      def run(target)
        mark
        TargetRunner.new(@compiled, target, @job.action.to_sym, changes_path: @job.changes).call
      end

      def mark
        Run::Files.replace(@job.started, "#{Process.pid}\n")
      rescue SystemCallError => e
        FileUtils.rm_f(@job.started)
        raise Unmarked, "cannot write #{@job.started}: #{e.message}"
      end

      # As at the end of a successful run, when the action asked for it.
      def reboot(outcome)
        return unless outcome.status == "done" && @compiled.run_context&.reboot_requested?

        require "chef/platform/rebooter"
        Chef::Platform::Rebooter.reboot_if_needed!(@compiled.run_context.node)
      rescue Chef::Exceptions::Reboot, Chef::Exceptions::RebootFailed => e
        warn "flock_of_chefs worker: #{e.message}"
      end
    end
  end
end
