# frozen_string_literal: true

require "io/wait"
require "json"
require_relative "../monotonic"
require_relative "process_group"

module FlockOfChefs
  module Agent
    # The process that a warm worker forked for one job. The agent is not its parent: it hears of its end from the warm
    # worker or, where that has died first, from the end of the line between them.
    class WarmChild
      include Monotonic
      include ProcessGroup

      # How it ended; both nil when nobody could see it.
      Status = Struct.new(:exitstatus, :termsig)
      # How often an orphan is looked for whose line is held open by what it started.
      LOOK_S = 0.2
      # Its introduction is one short line.
      LINE_BYTES = 256

      # @return [Integer, nil] both nil until {#introduction}
      attr_reader :pid, :pid_start

      # @param line [UNIXSocket] to the process, for this job alone
      # @param log [String, nil]
      def initialize(line, log)
        @line = line
        @lock = Mutex.new
        @changed = ConditionVariable.new
        follow_log(log)
      end

      # @param seconds [Float] how long the process may take to be there
      # @return [Symbol] +:here+, +:late+, or +:gone+ when it will not come
      def introduction(seconds)
        return :late unless @line.wait_readable(seconds)

        text = @line.gets("\n", LINE_BYTES) or return :gone
        @pid, @pid_start = JSON.parse(text).values_at("pid", "pid_start")
        :here
      rescue SystemCallError, JSON::ParserError
        :gone
      end

      # Lets it act.
      #
      # @return [void]
      def go
        @line.write("go\n")
      rescue SystemCallError
        nil # it ended already; its status tells why
      end

      # Tells it to end without acting.
      #
      # @return [void]
      def call_off
        @line.close_write
      rescue SystemCallError, IOError
        nil
      end

      # @param seconds [Float] how long at most
      # @return [Status, nil] nil when it still runs
      def wait(seconds)
        deadline = now + seconds
        @lock.synchronize do
          @changed.wait(@lock, [deadline - now, 0].max) until @status || @orphan || now >= deadline
          return @status if @status || !@orphan
        end
        wait_for_orphan(deadline)
      end

      # Of its group; but not of another process that was given its pid since.
      #
      # @param name [Symbol]
      # @return [void]
      def signal(name)
        super if [nil, pid_start].include?(ProcessGroup.start_of(pid))
      end

      # @return [void]
      def close = @line.close

      # The warm worker's word.
      #
      # @param exit [Integer, nil]
      # @param signal [Integer, nil]
      # @return [void]
      def ended(exit, signal) = change { @status = Status.new(exit, signal) }

      # The warm worker is gone; nobody will tell how this ends.
      #
      # @return [void]
      def orphan = change { @orphan = true }

      private

      def change
        @lock.synchronize do
          yield
          @changed.broadcast
        end
      end

      def wait_for_orphan(deadline)
        until gone?
          left = deadline - now
          return if left <= 0

          @line.wait_readable([left, LOOK_S].min)
        end
        Status.new(nil, nil)
      end

      # A zombie is gone, too: who inherited it may never look.
      def gone?
        return true unless pid

        stat = File.read("/proc/#{pid}/stat").rpartition(")").last.split
        stat[0] == "Z" || stat[19].to_i != pid_start
      rescue SystemCallError
        true
      end
    end
  end
end
