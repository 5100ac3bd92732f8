# frozen_string_literal: true

require "json"
require_relative "support/samples"

module Bench
  # Row 6: what a Chef run that uses no word of ours pays for the gem: 1,000 resources, 50 MB of cookbooks, of which
  # nothing changes between runs. Runs with and without alternate; the floor is the run without. A run with the gem has
  # the agent load Chef into a worker afterwards: the next run begins when that is done, as it would half an hour later.
  class Converge
    PAIRS = 8

    def initialize(options)
      @options = options
    end

    def measure
      Fleet.open do |fleet|
        node = fleet.hub("solo")
        node.write_cookbook(recipe(fleet), fill)
        with, without = pairs(node)
        return [figure(with, without)]
      end
    end

    private

    def pairs(node)
      2.times { seconds(node, "client.rb") && seconds(node, "plain.rb") }
      taken = Array.new(@options.count(PAIRS)) { |index| pair(node, index.even?) }
      taken.transpose.map { |values| Samples.new(values) }
    end

    # The order within a pair alternates, so that neither always finds the warmer machine.
    def pair(node, ours_first)
      first, second = ours_first ? %w[client.rb plain.rb] : %w[plain.rb client.rb]
      times = { first => seconds(node, first), second => seconds(node, second) }
      times.values_at("client.rb", "plain.rb")
    end

    def seconds(node, config)
      plain = File.read(node.path("client.rb")).sub(%r{^require "flock_of_chefs/chef"$}, "")
      File.write(node.path("plain.rb"), plain)
      settle(node)
      Samples.time do
        result = node.run_client("-c", node.path(config), "-r", "recipe[acceptance]")
        raise result.text unless result.success?
      end
    end

    def settle(node)
      Fleet.eventually("the worker is loaded") do
        JSON.parse(node.flockctl!("status", "--format", "json"))["worker"]["state"] != "loading"
      end
    end

    def recipe(fleet)
      "1000.times { |n| file(\"#{fleet.dir}/files-\#{n}\") { content 'same' } }\n"
    end

    def fill
      (1..100).to_h { |number| ["files/blob#{number}", Random.new(number).bytes(512 * 1024)] }
    end

    def figure(with, without)
      Bench.figure(row: 6, what: "Chef run that uses nothing of ours, p50", ours: "#{with.p50.round} ms",
                   floor: "#{without.p50.round} ms (without the gem)", ratio: (with.p50 / without.p50).round(4),
                   goal: "≤ 1.01", samples: with.to_h, floor_samples: without.to_h)
    end
  end
end
