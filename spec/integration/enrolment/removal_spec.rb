# frozen_string_literal: true

require "json"
require "fileutils"
require_relative "../../support/fleet/context"

RSpec.describe "a node that does not belong any more" do
  include_context "with a fleet"

  def link(node) = JSON.parse(node.flockctl!("status", "--format", "json"))["link"]

  def presence(hub)
    JSON.parse(hub.flockctl!("nodes", "--format", "json")).to_h { |node| node.values_at("name", "presence") }
  end

  # The log line by which a node's operator learns why it is out.
  def told(node, words)
    eventually("#{node.name} is told #{words}") { node.log.match?(/ERROR.*#{words}|WARN.*#{words}/) }
  end

  describe "after `node remove`" do
    before do
      @hub = fleet.hub("hub0")
      @node = fleet.join("node1")
      @other = fleet.join("node2")
      @node.converge!(appending("mark", "node1"))
      @other.converge!(appending("mark", "node2"))
      # Both have talked: connections and addresses are there.
      @node.flockctl!("notify", "node2", "execute[mark]", "run", "--wait", "2m")
      @hub.flockctl!("node", "remove", "node1")
    end

    it "is told so; nothing goes to it and nothing comes from it; it comes back by --replace only" do
      told(@node, "removed from the flock")
      eventually("the link is down") { link(@node) != "connected" }
      doctor = JSON.parse(@node.flockctl("doctor", "--format", "json").out)
      expect(doctor).to include(include("check" => "hub", "level" => "error", "message" => /removed/))
      expect(presence(@hub).keys).to eq(%w[hub0 node2])

      expect(@node.flockctl("notify", "node2", "execute[mark]", "run", "--wait", "1").exit_code).to eq(5)
      expect(@other.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "1").exit_code).to eq(5)
      eventually("the list says why one waits") do
        @node.notifications.first.values_at("state", "code") == %w[queued removed] &&
          @other.notifications.any? { |row| row["peer"] == "node1" && row["message"].include?("no node called node1") }
      end
      expect(@other.flockctl("resources", "node1")).to have_attributes(exit_code: 3, err: /no node called node1/)
      expect(@other.log).to match(/WARN connection refused: .* was removed from the flock .*code="removed"/)
      expect(fired).to eq(["node2"])

      @node.stop
      expect(@node.flockctl("join", fleet.token)).to have_attributes(exit_code: 1)
      bare = fleet.add("node1", dir: "again")
      expect(bare.flockctl("join",
                           fleet.token)).to have_attributes(exit_code: 7, err: /was removed from this flock.*--replace/)
      @node.flockctl!("join", fleet.token, "--replace")
      @node.start
      expect(@hub.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "2m")).to be_success
      expect(fired).to include("node1")
    end

    it "is not let in when it starts again" do
      @node.stop.start
      told(@node, "removed from the flock")
      expect(link(@node)).not_to eq("connected")
    end
  end

  it "is refused when another machine took its name" do
    hub = fleet.hub("hub0")
    old = fleet.join("node1")
    eventually("both are alive") { presence(hub) == { "hub0" => "alive", "node1" => "alive" } }
    new = fleet.add("node1", dir: "new")
    new.edit("machine-id") { "e" * 32 }
    new.flockctl!("join", fleet.token, "--replace")
    new.start
    new.converge!(appending("mark", "new"))

    told(old, "another machine took its name")
    expect(link(old)).not_to eq("connected")
    expect(hub.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "2m")).to be_success
    expect(fired).to eq(["new"])
    old.stop.start
    told(old, "another machine took its name")
  end

  it "is refused by the hub of another flock, on both sides" do
    fleet.hub("hub0")
    member = fleet.join("node1", start: false)
    stranger = fleet.add("strange0", hub: true)
    stranger.flockctl!("init")
    stranger.start
    member.edit("agent.toml") { |toml| "#{toml}\n[join]\nhubs = [\"127.0.0.1:#{stranger.port}\"]\n" }
    member.start
    told(member, "another flock")
    eventually("the hub tells it, too") do
      stranger.log.match?(/WARN.*127\.0\.0\.1.*(another|other) flock|WARN.*other_flock/)
    end
    expect(JSON.parse(member.flockctl("doctor", "--format", "json").out))
      .to include(include("check" => "hub", "level" => "error", "message" => /another flock/))
  end

  it "is fenced by a copy of itself that came later; the log names the cause" do
    hub = fleet.hub("hub0")
    first = fleet.join("node1")
    copy = fleet.add("node1", dir: "copy")
    FileUtils.mkdir_p(copy.path("data"), mode: 0o700)
    FileUtils.cp_r(first.path("data/identity"), copy.path("data/identity"), preserve: true)
    copy.start
    told(first, "two agents share one name: stop one of them")
    eventually("the copy is connected") { link(copy) == "connected" }
    expect(presence(hub)).to eq("hub0" => "alive", "node1" => "alive")
  end
end
