# frozen_string_literal: true

require "json"
require "open3"
require_relative "fleet"

# Nodes without a machine: the programs of ext/flock_agent/examples, which hold real sessions with a real hub.
class Simulated
  # @param name [String] of the example
  # @param profile [String] "dev" or "release"
  # @return [String] the program's path
  def self.build(name, profile: "dev")
    command = %W[cargo build --quiet --locked -p flock_agent --example #{name} --profile #{profile}]
    raise "cannot build #{name}" unless system(*command, chdir: Fleet::ROOT)

    target = File.expand_path(ENV.fetch("CARGO_TARGET_DIR", "target"), Fleet::ROOT)
    File.join(target, profile == "dev" ? "debug" : profile, "examples", name)
  end

  # @yieldparam program [Simulated] ended afterwards
  def self.open(program, *arguments)
    running = new(program, *arguments)
    yield running
  ensure
    running&.close
  end

  attr_reader :pid

  def initialize(program, *arguments)
    @stdin, @stdout, @waiter = Open3.popen2(program, *arguments.map(&:to_s))
    @pid = @waiter.pid
  end

  def tell(line = "")
    @stdin.puts(line)
    @stdin.flush
  end

  # @return [Hash] the next thing that it says
  def hear(timeout: 600)
    raise "#{@pid} says nothing within #{timeout} s" unless @stdout.wait_readable(timeout)

    line = @stdout.gets or raise "the simulated nodes ended: #{@waiter.value}"
    JSON.parse(line)
  end

  def close
    @stdin.close
    Process.kill("KILL", @pid) unless @waiter.join(10)
    @stdout.close
  end
end
