# frozen_string_literal: true

require_relative "svg"

module Bench
  # Rows 1 and 3 as bars, peers among them; row 9 as a curve.
  class Plot
    # 48 KB.
    GOAL_KIB = 46.9

    def initialize(figures)
      @figures = figures
    end

    # @return [String] SVG
    def to_s
      svg = Svg.new
      svg.bars("Updated on A until done on B, ms: p50, the line to p99", bars) if bars.any?
      svg.bars("A call and its answer, 64 B, one caller, µs: p50, the line to p99", calls) if calls.any?
      svg.curve("Hub memory per idle member, KiB", points, goal: GOAL_KIB) if points.any?
      svg.to_s
    end

    private

    def bars = firing + peers
    def points = @figures.filter_map { |figure| figure[:point]&.values_at(:members, :kib) }

    def firing
      @figures.select { |figure| figure[:type] }.map do |figure|
        mode = figure[:warm] ? "warm" : "cold"
        bar("#{figure[:type]}, #{mode}, #{figure[:size]} resources", figure[:samples], mode)
      end
    end

    def peers
      peers = @figures.select { |figure| figure[:peer] && figure[:row] == 1 }
      peers.map { |figure| bar(figure[:peer], figure[:floor_samples], "peer") }
    end

    def calls
      small = @figures.select { |figure| figure[:call] == { bytes: 64, callers: 1 } }
      small.flat_map do |figure|
        next [call(figure[:peer], figure[:floor_samples], "peer")] if figure[:peer]

        [call("another node", figure[:samples], "warm"), call("the own node", figure[:floor_samples], "cold")]
      end
    end

    def call(label, samples, kind) = bar(label, samples.slice(:p50, :p99).transform_values { |ms| ms * 1_000 }, kind)
    def bar(label, samples, kind) = { label: label, value: samples[:p50], to: samples[:p99], kind: kind }
  end
end
