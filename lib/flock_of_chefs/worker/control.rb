# frozen_string_literal: true

require "json"
require "socket"

module FlockOfChefs
  module Worker
    # One end of the connection between the agent and a warm worker: JSON messages, one packet each, so that none is
    # ever read in halves, each with at most one descriptor. Both processes load this; it needs nothing of Chef.
    class Control
      # Longest message.
      LIMIT_BYTES = 16 * 1024

      # @return [Array(Control, UNIXSocket)] this process's end, and the standard input of the other
      def self.pair
        ours, theirs = UNIXSocket.pair(:SEQPACKET)
        [new(ours), theirs]
      end

      # Takes standard input away from everything else, see {Channel}.
      #
      # @param input [IO]
      # @return [Control]
      def self.take(input)
        copy = input.dup
        copy.autoclose = false
        own = UNIXSocket.for_fd(copy.fileno)
        own.close_on_exec = true
        input.reopen(File::NULL)
        new(own)
      end

      # @param socket [UNIXSocket] of type SEQPACKET
      def initialize(socket)
        @socket = socket
      end

      # Never waits: whoever does not read is as good as gone.
      #
      # @param message [Hash]
      # @param descriptor [IO, nil] the other end gets a copy
      # @return [Boolean] whether it was taken
      def tell(message, descriptor = nil)
        rights = descriptor ? [Socket::AncillaryData.unix_rights(descriptor)] : []
        @socket.sendmsg_nonblock(JSON.generate(message), 0, nil, *rights)
        true
      rescue IO::WaitWritable, SystemCallError, IOError
        false
      end

      # Waits for the next message.
      #
      # @return [Array(Hash, IO), nil] message and descriptor, if it came with one; nil when the other end is closed
      def hear
        text, _, _, *ancillary = @socket.recvmsg(LIMIT_BYTES, scm_rights: true)
        return if text.nil? || text.empty?

        [JSON.parse(text), ancillary.flat_map { |data| Array(data.unix_rights) }.first]
      rescue SystemCallError, IOError
        nil
      end

      # Says that no further message comes; the other end may still talk.
      #
      # @return [void]
      def finish
        @socket.shutdown(:WR)
      rescue SystemCallError, IOError
        nil
      end

      # @return [void]
      def close = @socket.close
    end
  end
end
