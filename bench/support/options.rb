# frozen_string_literal: true

require "json"
require "optparse"

module Bench
  # What is measured, how often, and beside whom.
  class Options
    ROWS = %w[append notify calls converge rest require members storm].freeze
    # A target admits a sender 300 of one (key, action) at once; the warm-up needs some of them.
    SAMPLES = (1..250)

    attr_reader :rows, :samples, :cold_samples, :sizes, :members

    # @param arguments [Array<String>] of the command line
    def initialize(arguments)
      defaults
      chosen = parser.parse(arguments)
      @rows = chosen.empty? ? ROWS : chosen
      unknown = @rows - ROWS
      abort "unknown: #{unknown.join(", ")}; there are #{ROWS.join(", ")}" unless unknown.empty?
      abort "--samples: #{SAMPLES.min} to #{SAMPLES.max}" unless [samples, cold_samples].all? { |n| SAMPLES.cover?(n) }
    end

    # Whether peers that are missing are installed, into a cache of their own.
    def install_peers? = @install_peers

    # Whether docs/performance.md gets the figures.
    def publish? = @publish

    # @return [String] JSON: how often a calling process does what, for {Calling} and its peers
    def plan
      JSON.generate(calls: count(4_000), large: count(1_200), async: count(10_000), waits: count(400))
    end

    # @param usual [Integer] how often a thing is measured
    # @return [Integer] fewer times when it is only tried
    def count(usual) = @quick ? [usual / 50, 3].max : usual

    private

    def defaults
      @samples = 200
      @cold_samples = 20
      @sizes = [20, 1_000]
      @members = [100, 1_000, 5_000]
    end

    def parser
      OptionParser.new do |options|
        options.banner = "bin/bench [options] [#{ROWS.join(" | ")}]..."
        options.on("--samples N", Integer, "row 1, warm (200)") { |count| @samples = count }
        options.on("--cold-samples N", Integer, "row 1, cold (20)") { |count| @cold_samples = count }
        options.on("--sizes N,N", Array, "row 1, resources on B (20,1000)") { |list| @sizes = list.map(&:to_i) }
        options.on("--members N,N", Array, "row 9 (100,1000,5000)") { |list| @members = list.map(&:to_i) }
        options.on("--peers", "install the peers that are missing into a cache") { @install_peers = true }
        options.on("--publish", "put the figures into docs/") { @publish = true }
        options.on("--quick", "few samples: to try the benches, not for figures") { quick }
      end
    end

    def quick
      @quick = true
      @samples = 5
      @cold_samples = 2
      @sizes = [20]
      @members = [20, 50]
    end
  end
end
