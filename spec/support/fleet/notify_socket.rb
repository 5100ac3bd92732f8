# frozen_string_literal: true

require "socket"
require_relative "../fleet"

class Fleet
  # The service manager's end of `NOTIFY_SOCKET`.
  class NotifySocket
    # @yieldparam manager [NotifySocket]
    def self.open(dir)
      manager = new(File.join(dir, "notify"))
      yield manager
    ensure
      manager&.close
    end

    attr_reader :path

    def initialize(path)
      @path = path
      @socket = Socket.new(:UNIX, :DGRAM)
      @socket.bind(Addrinfo.unix(path))
    end

    # @return [String] the next message
    def receive
      raise "no message for the service manager" unless @socket.wait_readable(60)

      @socket.recv(4096).strip
    end

    def close = @socket.close
  end
end
