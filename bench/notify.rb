# frozen_string_literal: true

require "open3"
require_relative "support/firing"
require_relative "support/samples"

module Bench
  # Row 1: a resource is updated on A, in a Chef run, until the action on B has had its effect: by type of resource,
  # number of resources on B, and with a warm worker or a cold one. Floors: a fork that writes a file; a process that
  # loads Chef.
  class Notify
    GOALS = { "ruby_block" => 15, "file" => 27 }.freeze
    COLD_GOAL_MS = 1_300
    # A warm worker compiles when a run has ended; nothing says from outside when it is ready.
    COMPILE_S = 5

    def initialize(options)
      @options = options
    end

    def measure
      Fleet.open do |fleet|
        @firing = Firing.new(fleet.dir)
        @sender = fleet.hub("sender")
        floors = { true => fork_and_write(fleet), false => load_chef }
        return [true, false].product(@options.sizes).flat_map { |warm, size| target(fleet, warm, size, floors[warm]) }
      end
    end

    private

    def target(fleet, warm, size, floor)
      name = "#{warm ? "warm" : "cold"}#{size}"
      node = fleet.join(name, agent_toml: "[worker]\nwarm = #{warm}")
      node.converge!(@firing.target(name, size), files: @firing.files)
      sleep COMPILE_S if warm
      figures = Firing::TYPES.keys.map { |type| figure(type, warm, size, samples(name, type, warm), floor) }
      node.stop
      figures
    end

    def samples(node, type, warm)
      count = warm ? @options.samples : @options.cold_samples
      warm_up = [count / 10, 2].max
      @sender.converge!(@firing.source(node, type, warm_up + count))
      Samples.new(@firing.took.drop(warm_up))
    end

    def figure(type, warm, size, ours, floor)
      goal = warm ? GOALS[type] : COLD_GOAL_MS
      Bench.figure(row: 1, what: "updated on A → #{type} done on B, #{warm ? "warm" : "cold"}, #{size} resources",
                   ours: ours.to_s, floor: "#{floor} (#{warm ? "fork, write a file" : "a process that loads Chef"})",
                   ratio: (ours.p50 / floor.p50).round(2), goal: goal ? "p50 ≤ #{goal} ms" : "–",
                   type: type, warm: warm, size: size, samples: ours.to_h, floor_samples: floor.to_h)
    end

    def load_chef
      Samples.new(Array.new(@options.count(20)) do
        Samples.time do
          system("bundle", "exec", "ruby", "-e", "require 'chef'", exception: true, chdir: Fleet::ROOT, err: File::NULL)
        end
      end)
    end

    # In a process as large as a worker.
    def fork_and_write(fleet)
      script = <<~RUBY
        require "chef"; require "json"
        puts JSON.generate(Array.new(#{@options.count(200)}) do
          began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
          Process.wait(fork { File.write("#{fleet.dir}/floor", "x"); exit! })
          (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1_000
        end)
      RUBY
      out, status = Open3.capture2("bundle", "exec", "ruby", "-e", script, chdir: Fleet::ROOT, err: File::NULL)
      raise "the floor of row 1 failed" unless status.success?

      Samples.new(JSON.parse(out.lines.last))
    end
  end
end
