# frozen_string_literal: true

require "open3"
require_relative "support/samples"

module Bench
  # Row 8: `require "flock_of_chefs"` in a fresh Ruby. The floor is `require "json"` in another.
  class Require
    COUNT = 30

    def initialize(options)
      @options = options
    end

    def measure
      ours = Samples.new(Array.new(@options.count(COUNT)) { milliseconds("flock_of_chefs") })
      floor = Samples.new(Array.new(@options.count(COUNT)) { milliseconds("json") })
      [Bench.figure(row: 8, what: "require \"flock_of_chefs\", p50", ours: "#{ours.p50.round(2)} ms",
                    floor: "#{floor.p50.round(2)} ms (require \"json\")", ratio: (ours.p50 / floor.p50).round(2),
                    goal: "≤ 20 ms", samples: ours.to_h, floor_samples: floor.to_h)]
    end

    private

    def milliseconds(feature)
      script = "b = Process.clock_gettime(Process::CLOCK_MONOTONIC); require #{feature.inspect}; " \
               "print((Process.clock_gettime(Process::CLOCK_MONOTONIC) - b) * 1000)"
      out, status = Open3.capture2({ "RUBYOPT" => nil }, "ruby", "-I", File.join(Fleet::ROOT, "lib"), "-e", script)
      raise "require #{feature} failed" unless status.success?

      Float(out)
    end
  end
end
