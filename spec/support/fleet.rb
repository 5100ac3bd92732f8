# frozen_string_literal: true

require "fileutils"
require "json"
require "open3"
require "socket"
require "tmpdir"

require_relative "fleet/node"
require_relative "fleet/workstation"

# A flock of real agents and real chef-client runs on this machine, in one temporary directory, on loopback.
#
#   Fleet.open do |fleet|
#     hub = fleet.hub("bender0")
#     other = fleet.join("bender1")
#     hub.converge("file '/x' do ... end")
#   end
class Fleet
  ROOT = File.expand_path("../..", __dir__)

  attr_reader :dir, :nodes

  # @yieldparam fleet [Fleet] stopped and removed afterwards
  def self.open
    fleet = new
    yield fleet
  ensure
    fleet&.close
  end

  def initialize
    # Short, since a socket's path has 107 bytes at most.
    @dir = Dir.mktmpdir("flock")
    @nodes = []
  end

  # Founds the flock on a new node and starts its agent.
  def hub(name, **options)
    node = add(name, hub: true, **options)
    node.flockctl!("init")
    node.start
  end

  # Enrols a new node by a token of the first hub and starts its agent.
  def join(name, start: true, **options)
    node = add(name, **options)
    node.flockctl!("join", token)
    start ? node.start : node
  end

  def token(*arguments)
    nodes.first.flockctl!("token", "create", *arguments).lines.last.strip
  end

  # @param dir [String] the machine's folder, where two machines have one name
  def add(name, dir: name, **options)
    Node.new(File.join(@dir, dir), name, **options).tap { |node| nodes << node }
  end

  def close
    nodes.each(&:end_background)
    nodes.each(&:close)
    FileUtils.remove_entry(dir, true) unless ENV["FLOCK_KEEP"]
    warn "kept #{dir}" if ENV["FLOCK_KEEP"]
  end

  # Waits for a condition; the deadline is generous since it only bounds a failure.
  #
  # @raise [RuntimeError] with what was last seen
  def self.eventually(what, timeout: 60)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
    loop do
      result = yield
      return result if result
      raise "#{what}: not within #{timeout} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      sleep 0.05
    end
  end

  def self.free_port
    server = TCPServer.new("127.0.0.1", 0)
    server.addr[1]
  ensure
    server&.close
  end
end
