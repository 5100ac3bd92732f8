# frozen_string_literal: true

require "flock_of_chefs"
require_relative "support/samples"

module Bench
  # Row 1, cold: a resource is updated on A (its notification is appended) until the action on B is done, by a worker
  # started for it. The action writes the time itself. The floor is a process that only loads Chef.
  class Cold
    COUNT = 20

    def measure
      Fleet.open do |fleet|
        sender = fleet.hub("sender")
        target = fleet.join("target")
        target.converge!(recipe(fleet))
        ours = Samples.new(Array.new(COUNT) { |index| fire(fleet, sender, index) })
        floor = Samples.new(Array.new(COUNT) { load_chef })
        return [figure(ours, floor)]
      end
    end

    private

    def fire(fleet, sender, index)
      mark = File.join(fleet.dir, "mark-#{index}")
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      client(sender).append(JSON.generate(id: FlockOfChefs::Native.new_id, key: "file[#{mark}]", action: "create",
                                          timing: "immediately", targets: { nodes: ["target"] }), 5_000)
      Fleet.eventually("#{mark} appears") { File.exist?(mark) }
      (File.stat(mark).mtime.to_f - wall(began)) * 1_000
    end

    def wall(monotonic) = Time.now.to_f - (Process.clock_gettime(Process::CLOCK_MONOTONIC) - monotonic)

    def client(node)
      @client ||= FlockOfChefs::Native::Client.new(JSON.generate("socket" => node.path("agent.sock"),
                                                                 "data_dir" => node.path("data")))
    end

    def load_chef
      Samples.time { system("bundle", "exec", "ruby", "-e", "require 'chef'", exception: true, chdir: Fleet::ROOT) }
    end

    def recipe(fleet)
      "#{COUNT}.times { |n| file(\"#{fleet.dir}/mark-\#{n}\") { content 'x'; action :nothing } }\n"
    end

    def figure(ours, floor)
      Bench.figure(row: 1, what: "resource updated on A → file created on B, cold, p50", ours: "#{ours.p50.round} ms",
                   floor: "#{floor.p50.round} ms (a process that loads Chef)", ratio: (ours.p50 / floor.p50).round(2),
                   goal: "≤ 1,300 ms", samples: ours.to_h, floor_samples: floor.to_h)
    end
  end
end
