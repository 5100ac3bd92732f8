# frozen_string_literal: true

require "json"
require "socket"
require_relative "../../support/fleet/context"
require_relative "../../support/fleet/notify_socket"

RSpec.describe "the agent's life" do
  include_context "with a fleet"

  describe "a second agent" do
    it "learns which process holds the data_dir, and changes nothing" do
      hub = fleet.hub("hub0")
      second = hub.flockctl("agent")
      expect(second).to have_attributes(exit_code: 1, out: "")
      expect(second.err)
        .to match(/\Aflockctl: an agent with pid #{hub.pid} already runs on #{hub.path("data")}; .+\n\z/)
      hub.flockctl!("status")
    end

    it "learns that its port or its socket is taken" do
      hub = fleet.hub("hub0")
      other = fleet.add("hub1", hub: true)
      other.flockctl!("init")
      other.edit("agent.toml") { |toml| toml.sub(other.path("agent.sock"), hub.path("agent.sock")) }
      expect(other.flockctl("agent")).to have_attributes(
        exit_code: 1, err: match(/\Aflockctl: another agent answers at #{hub.path("agent.sock")}: .*`socket`.*\n\z/)
      )

      other.edit("agent.toml") do |toml|
        toml.sub(hub.path("agent.sock"), other.path("agent.sock")).sub(other.port.to_s, hub.port.to_s)
      end
      expect(other.flockctl("agent")).to have_attributes(
        exit_code: 1, err: match(/\Aflockctl: cannot listen on 127.0.0.1:#{hub.port}: .*`listen`.*\n\z/)
      )
      hub.flockctl!("status")
    end
  end

  describe "stopping" do
    %w[INT TERM].each do |signal|
      it "ends well by #{signal}, and takes its socket along" do
        hub = fleet.hub("hub0").stop(signal)
        expect(hub.status.exitstatus).to eq(0)
        expect(File).not_to exist(hub.path("agent.sock"))
        expect(hub.log).to match(/stopped.*clean=true/)
      end
    end

    it "needs no second signal while another agent is silent" do
      hub = fleet.hub("hub0")
      member = fleet.join("node1", start: false)
      hub.stop
      silent = TCPServer.new("127.0.0.1", hub.port)
      member.start
      eventually("the member dials") { silent.wait_readable(0) }
      member.stop
      expect(member.status.exitstatus).to eq(0)
    ensure
      silent&.close
    end

    it "needs no second signal while a call to a silent member is under way" do
      hub = fleet.hub("hub0")
      member = fleet.join("node1")
      eventually("the hub knows the member") { hub.flockctl!("nodes", "--format", "names").include?("node1") }
      member.signal("STOP")
      hub.flockctl!("notify", "node1", "execute[mark]", "run")
      hub.stop
      expect(hub.status.exitstatus).to eq(0)
    ensure
      member&.signal("CONT")
    end
  end

  describe "the service manager" do
    it "hears again and again that the agent lives, where it wants to" do
      hub = fleet.add("hub0", hub: true)
      hub.flockctl!("init")
      Fleet::NotifySocket.open(fleet.dir) do |manager|
        hub.start(env: { "NOTIFY_SOCKET" => manager.path, "WATCHDOG_USEC" => "300000" })
        expect(Array.new(4) { manager.receive }).to eq(["READY=1", *["WATCHDOG=1"] * 3])
      end
    end

    it "hears when the agent serves and when it stops" do
      hub = fleet.add("hub0", hub: true)
      hub.flockctl!("init")
      Fleet::NotifySocket.open(fleet.dir) do |manager|
        hub.start(env: { "NOTIFY_SOCKET" => manager.path })
        expect(manager.receive).to eq("READY=1")
        hub.flockctl!("status")
        hub.stop
        expect(manager.receive).to eq("STOPPING=1")
      end
    end
  end

  describe "the log" do
    it "is one JSON object per line where that is asked for, from both languages" do
      hub = fleet.add("hub0", hub: true, agent_toml: "[log]\nformat = \"json\"\nlevel = \"debug\"\n")
      hub.flockctl!("init")
      hub.start.stop
      lines = hub.log.lines.map { |line| JSON.parse(line) }
      expect(lines).to all(include("timestamp" => match(/\A\d{4}-\d\d-\d\dT.*Z\z/), "level" => match(/\A[A-Z]+\z/),
                                   "target" => a_kind_of(String), "message" => a_kind_of(String)))
      expect(lines.map { |line| line["message"] }).to include(/agent hub0 runs/, "stopping", "stopped")
    end

    it "looks the same from both languages otherwise, too" do
      hub = fleet.hub("hub0").stop
      expect(hub.log.lines).to all(match(/\A\d{4}-\d\d-\d\dT\S+Z +(INFO|WARN) /))
    end
  end
end
