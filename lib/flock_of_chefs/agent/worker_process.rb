# frozen_string_literal: true

module FlockOfChefs
  module Agent
    # One worker: a process group that is started by exec, told to go, waited for and, when it must be, ended.
    class WorkerProcess
      # What the agent keeps of what a worker printed.
      TAIL_BYTES = 4096
      # How long a killed process is waited for; one in an uninterruptible sleep does not end even then.
      REAP_S = 5

      # @return [Integer]
      attr_reader :pid
      # @return [Integer, nil] field 22 of /proc/PID/stat; identifies the process together with {#pid}
      attr_reader :pid_start

      # @param env [Hash]
      # @param argv [Array<String>]
      # @param options [Hash] of Process.spawn
      # @raise [SystemCallError] when it cannot be started
      def initialize(env, argv, options)
        @log_path = Array(options[:out]).first
        @log_start = log_size
        reader, @stdin = IO.pipe
        @pid = Process.spawn(env, *argv, **options, in: reader, pgroup: true)
        @pid_start = self.class.start_of(@pid) # before anybody reaps it
        @waiter = Process.detach(@pid)
      rescue StandardError
        @stdin&.close
        raise
      ensure
        reader&.close
      end

      # @param pid [Integer]
      # @return [Integer, nil]
      def self.start_of(pid)
        File.read("/proc/#{pid}/stat").rpartition(")").last.split[19]&.to_i
      rescue SystemCallError
        nil
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

      # Tells it to end without acting.
      #
      # @return [void]
      def call_off
        @stdin.close unless @stdin.closed?
      end

      # @param seconds [Float] how long at most
      # @return [Process::Status, nil] nil when it still runs
      def wait(seconds) = @waiter.join(seconds)&.value

      # Ends the group: TERM, and KILL to what is left after the grace.
      #
      # @param grace_s [Float]
      # @return [Process::Status, nil]
      def terminate(grace_s)
        signal(:TERM)
        wait(grace_s).tap { signal(:KILL) } || wait(REAP_S)
      end

      # @param name [Symbol] sent to the whole group
      # @return [void]
      def signal(name)
        Process.kill(name, -@pid)
      rescue Errno::ESRCH, Errno::EPERM
        nil # it is gone
      end

      # @return [String] the end of what it printed, readable as UTF-8
      def tail
        return "" unless @log_path.is_a?(String)

        size = log_size
        from = [@log_start > size ? 0 : @log_start, size - TAIL_BYTES].max
        (File.binread(@log_path, TAIL_BYTES, from) || +"").force_encoding(Encoding::UTF_8).scrub("?")
      rescue SystemCallError
        ""
      end

      private

      def log_size = @log_path.is_a?(String) ? File.size?(@log_path).to_i : 0
    end
  end
end
