# frozen_string_literal: true

require_relative "../spec/support/simulated"
require_relative "support/samples"
require_relative "support/usage"

module Bench
  # A storm: 50 nodes send one node 5,000 notifications of one action, as fast as it takes them. How soon they are on
  # its disk, how often the action runs for all of them, and what the agent needs meanwhile. Floor: the same number of
  # appended lines, each synced. And its counterpart: one resource of a node to which 50 others subscribe 5,000 times.
  class Storm
    SENDERS = 50
    COUNT = 5_000
    SETTLE_S = 60

    def initialize(options)
      @options = options
    end

    def measure
      program = Simulated.build("storm", profile: "release")
      Fleet.open do |fleet|
        fleet.hub("hub")
        target = fleet.join("target")
        target.converge!("execute('mark') { command 'echo x >> #{fleet.dir}/runs'; action :nothing }")
        return [burst(fleet, target, program), subscriptions(fleet)]
      end
    end

    private

    def burst(fleet, target, program)
      before = Usage.peak_mib(target.pid)
      arguments = ["target", "127.0.0.1:#{target.port}", "execute[mark]", "run", SENDERS, count]
      Simulated.open(program, *arguments, fleet.token("--uses", SENDERS.to_s)) do |storm|
        storm.hear
        storm.tell
        sent = storm.hear
        told = storm.hear
        runs = File.readlines("#{fleet.dir}/runs").length
        return figure(sent, told, runs, Usage.peak_mib(target.pid) - before, floor(fleet))
      end
    end

    # From the first notification that comes of the change to the last.
    def subscriptions(fleet)
      source = fleet.join("source")
      source.converge!("")
      before = Usage.peak_mib(source.pid)
      arguments = ["source", "127.0.0.1:#{source.port}", "execute[change]", SENDERS, count]
      program = Simulated.build("subscribers", profile: "release")
      Simulated.open(program, *arguments, fleet.token("--uses", SENDERS.to_s)) do |subscribers|
        declared = subscribers.hear
        Fleet.eventually("the source knows of all", timeout: SETTLE_S) { known(source) == count }
        source.converge!("execute('change') { command 'true' }")
        served = subscribers.hear
        return served_figure(declared, served, Usage.peak_mib(source.pid) - before, floor(fleet))
      end
    end

    def known(source)
      source.flockctl("subscriptions", "list", "--direction", "in", "--limit", "10000", "--format", "names")
            .out.lines.length
    end

    def served_figure(declared, served, grown_mib, floor_s)
      Bench.figure(row: "storm", what: "one change with #{count} subscriptions of #{SENDERS} nodes, until all have it",
                   ours: "#{served["seconds"].round(2)} s",
                   floor: "#{floor_s.round(2)} s (append + fdatasync, one by one)",
                   ratio: (served["seconds"] / floor_s).round(2), goal: "–", declared: declared, served: served,
                   note: "#{served["served"]} served, #{served["repeated"]} twice; declared in " \
                         "#{declared["seconds"].round(1)} s; peak memory of the source + #{grown_mib.round(1)} MiB")
    end

    def count = @options.count(COUNT)

    def floor(fleet)
      File.open(File.join(fleet.dir, "floor"), "a") do |file|
        Samples.time { count.times { file.write("x" * 512) && file.fdatasync } } / 1_000
      end
    end

    def figure(sent, told, runs, grown_mib, floor_s)
      Bench.figure(row: "storm", what: "#{count} notifications of #{SENDERS} nodes, until all are on the target's disk",
                   ours: "#{sent["seconds"].round(2)} s",
                   floor: "#{floor_s.round(2)} s (append + fdatasync, one by one)",
                   ratio: (sent["seconds"] / floor_s).round(2), goal: "–", sent: sent, told: told, runs: runs,
                   note: "#{runs} runs of the action; outcomes #{told["outcomes"]} known after " \
                         "#{told["seconds"].round(1)} s; peak memory of the target + #{grown_mib.round(1)} MiB")
    end
  end
end
