# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "who is there" do
  include_context "with a fleet"

  def presence(node)
    JSON.parse(node.flockctl!("nodes", "--format", "json")).to_h { |it| it.values_at("name", "presence") }
  end

  it "is suspect, gone and alive again as a member dies and comes back" do
    hub = fleet.hub("hub0", lease_ms: 5_000)
    member = fleet.join("node1")
    eventually("it is alive") { presence(hub)["node1"] == "alive" }
    # A member that is killed closes its connections; one that hangs does not.
    member.signal("STOP")
    eventually("it is suspect") { presence(hub)["node1"] == "suspect" }
    eventually("it is gone") { presence(hub)["node1"] == "gone" }
    member.signal("CONT")
    eventually("it is alive again") { presence(hub)["node1"] == "alive" }

    member.kill9
    eventually("it is gone") { presence(hub)["node1"] == "gone" }
    member.start
    eventually("it is alive again") { presence(hub) == { "hub0" => "alive", "node1" => "alive" } }
  end

  it "calls nobody gone when the hub comes back" do
    hub = fleet.hub("hub0", lease_ms: 1_000)
    member = fleet.join("node1")
    eventually("it is alive") { presence(hub)["node1"] == "alive" }
    hub.kill9
    # Longer than the lease: for the registry, everybody has been silent for too long.
    sleep 3
    hub.start
    seen = []
    eventually("both are alive") { (seen << presence(hub)).last == { "hub0" => "alive", "node1" => "alive" } }
    expect(seen.map { |it| it["node1"] }).not_to include("gone")
    expect(member.log).not_to include("ERROR")
  end

  it "matters to nobody who has an address: members notify each other while the hub is down" do
    hub = fleet.hub("hub0")
    one = fleet.join("node1")
    two = fleet.join("node2")
    two.converge!(appending)
    expect(one.flockctl("notify", "node2", "execute[mark]", "run", "--wait", "2m")).to be_success
    hub.stop
    expect(one.flockctl("notify", "node2", "execute[mark]", "run", "--wait", "2m")).to be_success
    expect(fired).to eq(%w[mark mark])

    one.stop.start
    expect(one.flockctl("notify", "node2", "execute[mark]", "run", "--wait", "2m")).to be_success
    nodes = one.flockctl("nodes", "--format", "names")
    expect(nodes).to have_attributes(exit_code: 0, out: match(/^node2$/), err: /the hub is away/)
    expect(JSON.parse(one.flockctl!("status", "--format", "json"))["link"]).to eq("connecting")
  end
end
