# frozen_string_literal: true

# Measurements of the whole product, one class a row.
module Bench
  # Durations in milliseconds and what is said of them.
  class Samples
    def self.time
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
      (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1_000
    end

    # @param count [Integer] how many are taken after as many as a tenth have warmed up
    def self.take(count, &)
      warm_up = count / 10
      warm_up.times(&)
      new(Array.new(count) { |index| time { yield(warm_up + index) } })
    end

    def initialize(values)
      @sorted = values.sort
    end

    def p50 = percentile(50)
    def p99 = percentile(99)
    def percentile(part) = @sorted[((@sorted.length - 1) * part / 100.0).round]
    def to_s = "#{short(p50)} ms (p99 #{short(p99)})"
    def to_h = { p50: p50.round(3), p99: p99.round(3), n: @sorted.length }

    private

    def short(value) = value < 10 ? value.round(2) : value.round
  end

  # A row of the table.
  #
  # @param row [Integer]
  # @param what [String]
  # @param columns [Hash{Symbol=>Object}] ours, floor, ratio, goal, and details
  def self.figure(row:, what:, **columns)
    { row: row, what: what, **columns }
  end
end
