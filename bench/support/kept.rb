# frozen_string_literal: true

require "json"

module Bench
  # The published figures, each with the date of its run: what a part of the benches measures replaces what that part
  # had, and leaves the others be.
  class Kept
    FILE = "docs/performance.json"

    # @return [Array<Hash>] in the order of the benches, peers behind what they stand beside
    attr_reader :figures
    # @return [Hash{String => Hash}] by date: what it was measured on
    attr_reader :machines

    # @return [Kept] what was published so far
    def self.read(file = FILE)
      kept = File.exist?(file) ? JSON.parse(File.read(file), symbolize_names: true) : {}
      new(kept.fetch(:figures, []), kept.fetch(:machines, {}).transform_keys(&:to_s))
    end

    def initialize(figures, machines)
      @figures = figures.sort_by.with_index { |figure, index| [*place(figure), index] }
      used = @figures.map { |figure| figure[:date] }
      @machines = machines.slice(*used).sort.to_h
    end

    # @param machine [Hash] of {Machine}
    # @param measured [Array<Hash>] figures of one run, each with its +part+
    # @return [Kept]
    def with(machine, measured)
      date = machine.fetch(:date)
      parts = measured.map { |figure| figure.fetch(:part) }
      others = figures.reject { |figure| parts.include?(figure[:part]) }
      Kept.new(others + measured.map { |figure| figure.merge(date: date) }, machines.merge(date => machine))
    end

    # One figure a line, so that a change of it is one.
    def write(file = FILE)
      lines = figures.map { |figure| "    #{JSON.generate(figure)}" }
      File.write(file, <<~TEXT)
        {
          "machines": #{JSON.generate(machines)},
          "figures": [
        #{lines.join(",\n")}
          ]
        }
      TEXT
    end

    private

    def place(figure)
      bench, peer = figure.fetch(:part).split("/")
      [Options::ROWS.index(bench) || Options::ROWS.length, peer.to_s]
    end
  end
end
