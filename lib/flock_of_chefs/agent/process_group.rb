# frozen_string_literal: true

module FlockOfChefs
  module Agent
    # What the agent does with any process that leads a group of its own: signals, the end, the end of its log. The
    # including class has +pid+ and +wait(seconds)+.
    module ProcessGroup
      # What the agent keeps of what a worker printed.
      TAIL_BYTES = 4096
      # How long a killed process is waited for; one in an uninterruptible sleep does not end even then.
      REAP_S = 5

      # @param pid [Integer]
      # @return [Integer, nil] field 22 of /proc/PID/stat; identifies the process together with its pid
      def self.start_of(pid)
        File.read("/proc/#{pid}/stat").rpartition(")").last.split[19]&.to_i
      rescue SystemCallError
        nil
      end

      # Ends the group: TERM, and KILL to what is left after the grace.
      #
      # @param grace_s [Float]
      # @return [#exitstatus, #termsig, nil]
      def terminate(grace_s)
        signal(:TERM)
        wait(grace_s).tap { signal(:KILL) } || wait(REAP_S)
      end

      # @param name [Symbol] sent to the whole group
      # @return [void]
      def signal(name)
        Process.kill(name, -pid)
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

      # {#tail} shows what is printed from now on.
      def follow_log(path)
        @log_path = path
        @log_start = log_size
      end

      def log_size = @log_path.is_a?(String) ? File.size?(@log_path).to_i : 0
    end
  end
end
