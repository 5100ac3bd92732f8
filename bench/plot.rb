# frozen_string_literal: true

require "json"
require_relative "support/svg"

# Draws the figures of one run of bin/bench:
#   ruby bench/plot.rb bench/results/<run>.json [docs/performance.svg]
# 48 KB.
GOAL_KIB = 46.9

abort "usage: ruby bench/plot.rb RESULTS.json [OUT.svg]" if ARGV.empty?

figures = JSON.parse(File.read(ARGV.fetch(0)), symbolize_names: true).fetch(:figures)
firing = figures.select { |figure| figure[:row] == 1 && figure[:type] }
peers = figures.select { |figure| figure[:peer] }
curve = figures.select { |figure| figure[:row] == 9 }.map { |figure| figure[:point] }

bars = firing.map do |figure|
  label = "#{figure[:type]}, #{figure[:warm] ? "warm" : "cold"}, #{figure[:size]}"
  { label: label, value: figure[:samples][:p50], to: figure[:samples][:p99], kind: figure[:warm] ? "warm" : "cold" }
end
bars += peers.map do |figure|
  { label: figure[:peer], value: figure[:floor_samples][:p50], to: figure[:floor_samples][:p99], kind: "peer" }
end

svg = Bench::Svg.new
svg.bars("Updated on A until done on B, ms: p50, the line to p99", bars) if bars.any?
points = curve.map { |point| point.values_at(:members, :kib) }
svg.curve("Hub memory per idle member, KiB", points, goal: GOAL_KIB) if points.any?
File.write(ARGV.fetch(1, "docs/performance.svg"), svg.to_s)
