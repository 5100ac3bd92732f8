# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "who is there" do
  include_context "with a fleet"

  def presence(node)
    JSON.parse(node.flockctl!("nodes", "--format", "json")).to_h { |row| row.values_at("name", "presence") }
  end

  # What is said of node1 until it is said to be so, each word once.
  def until_it_is(word, hub)
    seen = []
    eventually("node1 is #{word}") { (seen << presence(hub)["node1"]).last == word }
    seen.chunk_while { |one, next_one| one == next_one }.map(&:first)
  end

  it "is suspect, gone and alive again as a member dies and comes back" do
    hub = fleet.hub("hub0", lease_ms: 5_000)
    member = fleet.join("node1")
    until_it_is("alive", hub)
    # A member that is killed closes its connections; one that hangs does not. A slow machine may miss the suspicion.
    dying = eq(%w[alive suspect gone]).or eq(%w[alive gone]).or eq(%w[suspect gone])
    member.signal("STOP")
    expect(until_it_is("gone", hub)).to dying
    member.signal("CONT")
    until_it_is("alive", hub)

    member.kill9
    expect(until_it_is("gone", hub)).to dying
    member.start
    until_it_is("alive", hub)
    expect(presence(hub)).to eq("hub0" => "alive", "node1" => "alive")
  end

  it "calls nobody gone when the hub comes back" do
    hub = fleet.hub("hub0")
    member = fleet.join("node1")
    until_it_is("alive", hub)
    hub.kill9
    hub.start
    expect(until_it_is("alive", hub)).not_to include("gone")
    expect(member.log).not_to include("ERROR")
  end

  it "matters to nobody who has an address: members notify each other while the hub is down" do
    hub = fleet.hub("hub0")
    one = fleet.join("node1")
    two = fleet.join("node2")
    two.converge!(appending)
    expect(one.flockctl("notify", "node2", "execute[mark]", "run", "--wait", "2m")).to be_success
    one.flockctl!("nodes")
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
