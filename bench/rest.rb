# frozen_string_literal: true

require_relative "support/samples"

module Bench
  # Row 7: a hub at rest with ten members that only keep their sessions: proportional set size and processor time over a
  # minute. The floor is a Ruby that loads Bundler and sleeps.
  class Rest
    SECONDS = 60
    MEMBERS = 10

    def measure
      Fleet.open do |fleet|
        hub = fleet.hub("hub0")
        members = Array.new(MEMBERS) { |index| fleet.join("member#{index}") }
        idle = Process.spawn("bundle", "exec", "ruby", "-e", "sleep", chdir: Fleet::ROOT)
        sleep 10 # start-up garbage and the first announcements
        return figures(hub, members, idle)
      ensure
        Process.kill("KILL", idle) && Process.wait(idle) if idle
      end
    end

    private

    def figures(hub, members, idle)
      agents = [hub.pid, members.first.pid]
      before = agents.map { |pid| cpu_seconds(pid) }
      hub_mib, member_mib, idle_mib = medians([*agents, idle])
      hub_s, member_s = agents.zip(before).map { |pid, earlier| cpu_seconds(pid) - earlier }
      [memory_figure("hub with #{MEMBERS} members", hub_mib, idle_mib), memory_figure("member", member_mib, idle_mib),
       cpu_figure("hub", hub_s), cpu_figure("member", member_s)]
    end

    def medians(pids)
      seconds = Array.new(SECONDS) { sleep(1) && pids.map { |pid| pss_mib(pid) } }
      seconds.transpose.map { |values| Samples.new(values).p50 }
    end

    def memory_figure(who, mib, idle)
      Bench.figure(row: 7, what: "memory of the agent at rest, #{who} (PSS)", ours: "#{mib.round(1)} MiB",
                   floor: "#{idle.round(1)} MiB (Ruby + Bundler asleep)", ratio: (mib / idle).round(2),
                   goal: "≤ 40 MiB")
    end

    def cpu_figure(who, seconds)
      share = seconds / SECONDS * 100
      Bench.figure(row: 7, what: "processor at rest, #{who}", ours: "#{share.round(2)} % of a core", floor: "0 %",
                   ratio: "–", goal: "≤ 0.5 %")
    end

    def pss_mib(pid) = File.read("/proc/#{pid}/smaps_rollup")[/^Pss:\s*(\d+)/, 1].to_i / 1024.0

    def cpu_seconds(pid)
      fields = File.read("/proc/#{pid}/stat").rpartition(")").last.split
      (fields[11].to_i + fields[12].to_i) / 100.0
    end
  end
end
