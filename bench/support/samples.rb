# frozen_string_literal: true

module Bench
  # Durations in milliseconds and what is said of them.
  class Samples
    def self.time
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
      (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1_000
    end

    # @param count [Integer] how many are taken after as many as a tenth have warmed up
    def self.take(count)
      (count / 10).times { |index| yield(index) }
      new(Array.new(count) { |index| time { yield((count / 10) + index) } })
    end

    def initialize(values)
      @sorted = values.sort
    end

    def p50 = percentile(50)
    def p99 = percentile(99)
    def percentile(part) = @sorted[((@sorted.length - 1) * part / 100.0).round]
    def to_h = { p50: p50.round(3), p99: p99.round(3), n: @sorted.length }
  end

  # A row of the table.
  def self.figure(row:, what:, ours:, floor:, ratio:, goal:, **details)
    { row: row, what: what, ours: ours, floor: floor, ratio: ratio, goal: goal, **details }
  end
end
