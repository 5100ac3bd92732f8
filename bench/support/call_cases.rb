# frozen_string_literal: true

require_relative "samples"

module Bench
  # What {Calling} measured of one contestant, and the lines of the table that come of it.
  class CallCases
    SIZES = { 64 => "64 B", 65_536 => "64 KiB" }.freeze
    GOAL = "p50 ≤ 300 µs"

    # @return [Hash{Array(Integer, Integer) => Samples}] by bytes and callers
    attr_reader :samples
    # @return [Float, nil] increments a second
    attr_reader :async

    # @param result [Hash]
    def initialize(result)
      cases = result.fetch("cases").to_h { |taken| [taken.values_at("bytes", "callers"), taken] }
      @samples = cases.transform_values { |taken| Samples.new(taken.fetch("took")) }
      @rates = cases.transform_values { |taken| taken.fetch("took").length / taken.fetch("seconds") }
      @async = result["async"]&.then { |taken| taken.fetch("count") / taken.fetch("seconds") }
    end

    # @param key [Array(Integer, Integer)]
    # @return [String]
    def shown(key)
      "#{CallCases.us(@samples[key].p50)} (p99 #{CallCases.us(@samples[key].p99)}), #{CallCases.rate(@rates[key])}"
    end

    # @param floor [CallCases]
    # @param what [String] the floor is
    # @return [Array<Hash>]
    def figures(floor, what)
      lines(floor, "call of a method on another node", what) + async_line(floor, "", what)
    end

    # @param theirs [CallCases]
    # @param peer [Peers] with +version+ and +transport+
    # @return [Array<Hash>]
    def beside(theirs, peer)
      title = "the same beside #{peer.version} (#{peer.transport})"
      found = lines(theirs, title, nil).map { |figure| figure.merge(peer: peer.version, goal: "–") }
      found + (theirs.async ? async_line(theirs, " beside #{peer.version} (#{peer.transport})", nil) : [])
    end

    def self.us(milliseconds) = "#{(milliseconds * 1_000).round} µs"
    def self.rate(number) = "#{number.round.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")}/s"

    private

    def lines(other, title, what)
      samples.keys.map do |key|
        bytes, callers = key
        ours = samples[key]
        theirs = other.samples[key]
        Bench.figure(row: 3, what: "#{title}, #{SIZES.fetch(bytes)}, #{callers} caller#{"s" if callers > 1}",
                     ours: shown(key), floor: "#{other.shown(key)}#{" (#{what})" if what}",
                     ratio: (ours.p50 / theirs.p50).round(2), goal: key == [64, 1] ? GOAL : "–",
                     call: { bytes: bytes, callers: callers }, samples: ours.to_h, floor_samples: theirs.to_h)
      end
    end

    def async_line(other, title, what)
      [Bench.figure(row: 3, what: "async increments until the counter shows them#{title}",
                    ours: CallCases.rate(async), floor: "#{CallCases.rate(other.async)}#{" (#{what})" if what}",
                    ratio: (other.async / async).round(2), goal: "–")]
    end
  end
end
