# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "the spool" do
  include_context "with a fleet"

  def spooled(node) = Dir[node.path("data/spool/new/*.json")]

  it "is taken in when the agent starts and while it runs; bad files are kept apart, with the reason" do
    hub = fleet.hub("hub0").stop
    hub.converge!(appending + sending("hub0"))
    good = spooled(hub)
    expect(good.length).to eq(1)
    other = good.first.sub(/....\.json\z/, "beef.json")
    File.write(other,
               File.read(good.first).sub('"action":"run"', '"action":"run","frobnicate":1').sub(/"key":"[^"]*"/, ""))
    File.write(good.first.sub(/....\.json\z/, "dead.json"), "{ no json")

    hub.start
    hub.settled(count: 1)
    expect(fired).to eq(["mark"])
    eventually("both are kept apart") { Dir[hub.path("data/spool/bad/*.reason")].length == 2 }
    expect(spooled(hub)).to eq([])
    expect(JSON.parse(hub.flockctl!("status", "--format", "json"))).to include("spool" => 0, "spool_bad" => 2)

    doctor = hub.flockctl("doctor", "--format", "json")
    finding = JSON.parse(doctor.out).find { |row| row["check"] == "spool" }
    expect(finding).to include("level" => "error", "message" => /\A2 files/,
                               "remedy" => /#{hub.path("data/spool/bad")}/)
    expect(doctor.exit_code).to eq(2)
    reasons = Dir[hub.path("data/spool/bad/*.reason")].map { |file| File.read(file) }
    expect(reasons).to all(match(/\S/))
  end

  describe "while the agent hangs" do
    it "keeps what a run sends; it arrives exactly once when the agent is back" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      target.converge!(appending)
      hub.signal("STOP")
      run = hub.converge!(sending("node1"))
      expect(run.text).not_to match(/FATAL|ERROR/)
      expect(spooled(hub).length).to eq(1)

      hub.signal("CONT")
      expect(hub.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
      eventually("the spool is empty") { spooled(hub).empty? }
      expect(hub.notifications.length).to eq(1)
      expect(fired).to eq(["mark"])
    end

    it "takes many notifications without waiting for the agent at each" do
      hub = fleet.hub("hub0")
      fleet.join("node1")
      hub.signal("STOP")
      hub.converge!((1..20).map { |n| sending("node1").sub("trigger", "trigger#{n}").sub("[mark]", "[mark#{n}]") }.join)
      expect(spooled(hub).length).to eq(20)
      took = JSON.parse(File.read(hub.path("data/run.json"))).then { |run| run["ended_ms"] - run["started_ms"] }
      # An allowance for the first, not for each: 20 times the agent's deadline would be more than this.
      expect(took).to be < 30_000

      hub.signal("CONT")
      eventually("all are taken in") { spooled(hub).empty? }
      expect(hub.notifications.length).to eq(20)
    end
  end
end
