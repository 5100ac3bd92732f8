# frozen_string_literal: true

require_relative "../spec/support/simulated"
require_relative "support/samples"
require_relative "support/usage"

module Bench
  # Row 9: what a hub needs for each member that only keeps its session, as a curve. The members are another process
  # (ext/flock_agent/examples/members.rs); each has an identity, a connection with mutual TLS and a session of its own.
  class Members
    # Enrolments at a time.
    TOKENS = 8
    # Heartbeats come every 15 s; a minute has four of each member.
    REST_S = 60
    DESCRIPTORS = 65_000

    def initialize(options)
      @options = options
    end

    def measure
      raise_descriptors
      program = Simulated.build("members", profile: "release")
      Fleet.open do |fleet|
        hub = hub(fleet)
        tokens = Array.new(TOKENS) { fleet.token("--uses", "100000") }
        Simulated.open(program, *tokens) { |members| return curve(hub, members) }
      end
    end

    private

    # Listening everywhere on loopback: more than 28,000 connections need more than one address.
    def hub(fleet)
      hub = fleet.add("hub", hub: true)
      hub.edit("agent.toml") do |text|
        text.sub(/^listen = .*$/, "listen = \"0.0.0.0:#{hub.port}\"\nadvertise = \"127.0.0.1:#{hub.port}\"")
      end
      hub.flockctl!("init")
      hub.start
    end

    def curve(hub, members)
      sleep @options.count(10)
      alone = Usage.pss_mib(hub.pid)
      points = @options.members.sort.map { |count| point(hub, members, count, alone) }
      points.map { |point| figure(point, alone) }
    end

    def point(hub, members, count, alone)
      warn "growing to #{count} members"
      members.tell("grow #{count}")
      grown = members.hear(timeout: 3_600)
      sleep @options.count(REST_S / 2)
      cpu = Usage.share(hub.pid, @options.count(REST_S))
      hub.flockctl!("status") # it still answers
      kib = (Usage.pss_mib(hub.pid) - alone) * 1024 / count
      { members: count, kib: kib.round(1), cpu: cpu.round(2), enrol_s: grown["enrol_s"].round(2),
        connect_s: grown["connect_s"].round(2), enrolled: count - @grown.to_i }.tap { @grown = count }
    end

    def figure(point, alone)
      rate = (point[:enrolled] / point[:enrol_s]).round
      Bench.figure(row: 9, what: "hub memory per idle member, #{point[:members]} members (PSS)",
                   ours: "#{point[:kib]} KiB", floor: "20 KB (Choria's own figure, without TLS)",
                   ratio: (point[:kib] * 1.024 / 20).round(2),
                   goal: "≤ 48 KB", point: point, hub_alone_mib: alone.round(1),
                   note: "hub at #{point[:cpu]} % of a core; #{rate} enrolments a second; " \
                         "connected in #{point[:connect_s]} s")
    end

    # Children inherit it; without the right to raise it further, as far as it goes.
    def raise_descriptors
      Process.setrlimit(:NOFILE, DESCRIPTORS)
    rescue Errno::EPERM
      most = Process.getrlimit(:NOFILE).last
      Process.setrlimit(:NOFILE, most)
      warn "only #{most} descriptors: run as root for more members than that"
    end
  end
end
