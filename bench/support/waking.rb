# frozen_string_literal: true

require_relative "call_cases"
require_relative "samples"

module Bench
  # Row 4 from what calls/waiter.rb took.
  class Waking
    WHAT = { "api" => "what an API tells", "run" => "flock_api.active" }.freeze
    GOAL = "≤ 1.5 × raw watch"

    # @param taken [Hash{String => Array}] milliseconds until awake and until over, by what was waited for
    def initialize(taken)
      @taken = taken
    end

    # @param watch [Hash{String => Array<Float>}, nil] milliseconds of a raw watch: "watch" until it fires, "read" until
    #   the new value is there
    # @return [Array<Hash>]
    def figures(watch)
      floors = watch&.transform_values { |taken| Samples.new(taken) }
      WHAT.flat_map do |kind, what|
        awake, over = @taken.fetch(kind).transpose.map { |taken| Samples.new(taken) }
        [figure("#{what} changes → who waits is awake", awake, floors&.fetch("watch"), "raw watch of ZooKeeper", GOAL),
         figure("#{what} changes → its wait is over", over, floors&.fetch("read"), "watch and read", "–")]
      end
    end

    private

    def figure(what, ours, floor, title, goal)
      Bench.figure(row: 4, what: what, ours: show(ours), floor: floor ? "#{show(floor)} (#{title})" : "–",
                   ratio: floor ? (ours.p50 / floor.p50).round(2) : "–", goal: goal,
                   samples: ours.to_h, floor_samples: floor&.to_h)
    end

    def show(samples) = "#{CallCases.us(samples.p50)} (p99 #{CallCases.us(samples.p99)})"
  end
end
