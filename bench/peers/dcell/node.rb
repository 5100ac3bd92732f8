# frozen_string_literal: true

require "dcell"
require_relative "shims"

# A node of DCell whose registry is a Redis on loopback.
module DCellNode
  # @param id [String]
  # @param redis [String] its port
  # @param port [String, Integer] its own; 0 = any
  def self.start(id, redis, port)
    Celluloid.logger = Logger.new($stderr, level: Logger::WARN)
    address = "tcp://127.0.0.1:#{port.to_i.zero? ? "*" : port}"
    DCell.start(id: id, addr: address, registry: { adapter: "redis", host: "127.0.0.1", port: Integer(redis) })
  end
end
