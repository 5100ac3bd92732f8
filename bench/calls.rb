# frozen_string_literal: true

require "open3"
require_relative "support/call_cases"
require_relative "support/peers"
require_relative "support/samples"
require_relative "support/waking"

module Bench
  # Row 3: a call from a process as a recipe's on A of a Ruby method on B, and back; beside others that call Ruby
  # methods of another process. The floor is the same call of the own node: the local socket without the network.
  # Row 4: something changes on B until who waits for it on A is awake; the floor is a watch of ZooKeeper.
  class Calls
    PEERS = %w[dcell drb grpc].freeze

    def initialize(options)
      @options = options
    end

    def measure
      Fleet.open do |fleet|
        nodes = [fleet.hub("a"), fleet.join("b")].each { |node| offer(node) }
        call(nodes.first, "caller", "a") # the machine is warm for all alike
        ours, floor = %w[b a].map { |name| CallCases.new(call(nodes.first, "caller", name)) }
        figures = ours.figures(floor, "own node") + PEERS.flat_map { |name| beside(name, ours) }
        return figures + waits(nodes.first)
      end
    end

    private

    def offer(node)
      folder = File.join(node.path("data"), "apis")
      FileUtils.mkdir_p(folder, mode: 0o700)
      FileUtils.cp(File.join(__dir__, "calls/api.rb"), folder)
      Fleet.eventually("#{node.name} answers") { node.flockctl("call", node.name, "counter", "count").success? }
    end

    def beside(name, ours)
      Peers.found(name, @options) do |peer|
        theirs = CallCases.new(peer.measure)
        ours.beside(theirs, peer).map { |figure| figure.merge(part: "calls/#{name}") }
      end || []
    end

    def waits(node)
      taken = call(node, "waiter", "b")
      watch = Peers.found("zookeeper", @options, &:measure)
      Waking.new(taken).figures(watch)
    end

    # @return [Hash] what one of the programs beside this file says
    def call(node, program, target)
      command = ["bundle", "exec", "ruby", File.join(__dir__, "calls", "#{program}.rb"), @options.plan, target]
      out, status = Open3.capture2(node.environment, *command, chdir: Fleet::ROOT)
      raise "calls/#{program}.rb failed" unless status.success?

      JSON.parse(out.lines.last)
    end
  end
end
