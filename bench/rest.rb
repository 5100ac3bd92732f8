# frozen_string_literal: true

require_relative "support/samples"
require_relative "support/usage"

module Bench
  # Row 7: a hub at rest with ten members that only keep their sessions, and a member that has converged, with the
  # worker that waits there: proportional set size and processor time over a minute. The floor is a Ruby that loads
  # Bundler and sleeps.
  class Rest
    SECONDS = 60
    MEMBERS = 10

    def initialize(options)
      @options = options
    end

    def measure
      Fleet.open do |fleet|
        agents = start(fleet)
        idle = Process.spawn("bundle", "exec", "ruby", "-e", "sleep", chdir: Fleet::ROOT)
        sleep 10 # start-up garbage, the first announcements, the compiling of the waiting worker
        return figures(agents, idle)
      ensure
        Process.kill("KILL", idle) && Process.wait(idle) if idle
      end
    end

    private

    # @return [Hash{String => Integer}] pids by what they are
    def start(fleet)
      hub = fleet.hub("hub0")
      members = Array.new(MEMBERS) { |index| fleet.join("member#{index}") }
      members.last.converge!("file('#{fleet.dir}/x') { content 'x'; action :nothing }")
      { "hub with #{MEMBERS} members" => hub.pid, "member" => members.first.pid,
        "member and its waiting worker" => members.last.pid }
    end

    def figures(agents, idle)
      before = agents.transform_values { |pid| Usage.cpu_seconds(pid) }
      *mib, idle_mib = medians([*agents.values, idle])
      memory = agents.keys.zip(mib).map { |who, found| memory_figure(who, found, idle_mib) }
      memory + agents.map { |who, pid| cpu_figure(who, Usage.cpu_seconds(pid) - before[who]) }
    end

    def medians(pids)
      taken = Array.new(seconds) { sleep(1) && pids.map { |pid| Usage.pss_mib(*Usage.family(pid)) } }
      taken.transpose.map { |values| Samples.new(values).p50 }
    end

    def seconds = @options.count(SECONDS)

    def memory_figure(who, mib, idle)
      Bench.figure(row: 7, what: "memory at rest, #{who} (PSS)", ours: "#{mib.round(1)} MiB",
                   floor: "#{idle.round(1)} MiB (Ruby + Bundler asleep)", ratio: (mib / idle).round(2),
                   goal: who.include?("worker") ? "≤ 120 MiB" : "≤ 40 MiB")
    end

    def cpu_figure(who, taken)
      share = taken / seconds * 100
      Bench.figure(row: 7, what: "processor at rest, #{who}", ours: "#{share.round(2)} % of a core", floor: "0 %",
                   ratio: "–", goal: "≤ 0.5 %")
    end
  end
end
