# frozen_string_literal: true

require "flock_of_chefs"
require_relative "support/samples"

module Bench
  # Row 2: a durable append, as a recipe does it: Ruby -> native client -> socket -> agent -> SQLite on disk. The floor
  # is what the disk asks for the same in this run: append 512 bytes and fdatasync.
  class Append
    COUNT = 2_000

    def initialize(options)
      @options = options
    end

    def measure
      Fleet.open do |fleet|
        node = fleet.hub("solo")
        ours = Samples.take(@options.count(COUNT)) { |index| append(client(node), index) }
        floor = File.open(node.path("floor"), "a") { |file| Samples.take(@options.count(COUNT)) { sync(file) } }
        return [figure(ours, floor)]
      end
    end

    private

    def client(node)
      @client ||= FlockOfChefs::Native::Client.new(JSON.generate("socket" => node.path("agent.sock"),
                                                                 "data_dir" => node.path("data")))
    end

    def append(client, index)
      draft = { id: FlockOfChefs::Native.new_id, key: "execute[bench #{index}]", action: "run", timing: "immediately",
                targets: { nodes: ["elsewhere"] } }
      answer = JSON.parse(client.append(JSON.generate(draft), 5_000))
      raise "not in the outbox: #{answer}" unless answer["where"] == "outbox"
    end

    def sync(file)
      file.write("x" * 512)
      file.fdatasync
    end

    def figure(ours, floor)
      Bench.figure(row: 2, what: "durable append from a recipe's process, p50", ours: "#{ours.p50.round(3)} ms",
                   floor: "#{floor.p50.round(3)} ms (append + fdatasync)", ratio: (ours.p50 / floor.p50).round(2),
                   goal: "≤ 0.35 ms", samples: ours.to_h, floor_samples: floor.to_h)
    end
  end
end
