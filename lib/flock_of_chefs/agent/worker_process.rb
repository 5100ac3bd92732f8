# frozen_string_literal: true

require_relative "process_group"

module FlockOfChefs
  module Agent
    # A cold worker: a process that is started by exec for one job, told to go, waited for and, when it must be, ended.
    class WorkerProcess
      include ProcessGroup

      # @return [Integer]
      attr_reader :pid
      # @return [Integer, nil] field 22 of /proc/PID/stat; identifies the process together with {#pid}
      attr_reader :pid_start

      # @param env [Hash]
      # @param argv [Array<String>]
      # @param options [Hash] of Process.spawn
      # @raise [SystemCallError] when it cannot be started
      def initialize(env, argv, options)
        follow_log(Array(options[:out]).first)
        reader, @stdin = IO.pipe
        @pid = Process.spawn(env, *argv, **options, in: reader, pgroup: true)
        @pid_start = ProcessGroup.start_of(@pid) # before anybody reaps it
        @waiter = Process.detach(@pid)
      rescue StandardError
        @stdin&.close
        raise
      ensure
        reader&.close
      end

      # Lets it act.
      #
      # @return [void]
      def go
        @stdin.write("go\n")
        @stdin.close
      rescue Errno::EPIPE
        nil # it ended already; its status tells why
      end

      # Tells it to end without acting, unless it was told to go.
      #
      # @return [void]
      def call_off
        @stdin.close unless @stdin.closed?
      end
      alias close call_off

      # @param seconds [Float] how long at most
      # @return [Process::Status, nil] nil when it still runs
      def wait(seconds) = @waiter.join(seconds)&.value
    end
  end
end
