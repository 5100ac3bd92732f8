# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "a backup of a node" do
  include_context "with a fleet"

  def nodes(hub)
    JSON.parse(hub.flockctl!("nodes", "--format", "json")).to_h { |node| node.values_at("name", "presence") }
  end

  def finding(node, check)
    JSON.parse(node.flockctl("doctor", "--format", "json").out).find { |found| found["check"] == check }
  end

  let(:file) { File.join(fleet.dir, "backup.tar") }

  it "is taken while the agent works, and brings a member back on a new machine" do
    hub = fleet.hub("hub0")
    node = fleet.join("node1")
    node.converge!(appending)
    hub.flockctl!("notify", "node1", "execute[mark]", "run", "--wait", "2m")
    node.flockctl!("notify", "away", "execute[mark]", "run")
    expect(node.flockctl!("backup", file)).to match(/backup\.tar: \d+ bytes, \d+ files of node1/)
    expect(File.stat(file).mode & 0o777).to eq(0o600)
    expect(node.flockctl("restore", file, "--replace")).to have_attributes(exit_code: 1, err: /already runs/)
    node.kill9

    new = fleet.add("node1", dir: "new")
    new.edit("machine-id") { "e" * 32 }
    restored = new.flockctl("restore", file)
    expect(restored).to have_attributes(exit_code: 0, err: /this machine is node1 from now on/)
    new.start
    eventually("the new machine is the node") { nodes(hub)["node1"] == "alive" }
    eventually("the hub knows the new machine") { hub.log.include?("certificate renewed") }
    waiting = new.notifications.find { |row| row["peer"] == "away" }
    expect(waiting["state"]).to eq("offered").or eq("queued")
    new.converge!(appending("mark", "again"))
    expect(hub.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "2m")).to be_success
    expect(fired).to eq(%w[mark again])
    expect(new.flockctl("restore", file)).to have_attributes(exit_code: 1)
    expect(new.stop.flockctl("restore", file)).to have_attributes(exit_code: 1, err: /--replace/)
  end

  it "brings a hub back: nodes, names and removals are right" do
    hub = fleet.hub("hub0")
    kept = fleet.join("kept1")
    gone = fleet.join("gone1")
    eventually("all are there") { nodes(hub).values == %w[alive alive alive] }
    token = fleet.token
    hub.flockctl!("notify", "kept1", "execute[mark]", "run")
    eventually("it waits for a converge") { hub.notifications.first["state"] == "stored" }
    hub.stop
    expect(hub.flockctl!("backup", file)).to include("files of hub0")
    hub.start
    late = fleet.join("late1")
    eventually("the late one is there") { nodes(hub)["late1"] == "alive" }
    kept.converge!(appending)
    hub.settled(count: 1)
    hub.flockctl!("node", "remove", "gone1")
    eventually("it is told") { gone.log.include?("was removed from the flock") }
    hub.stop

    restored = hub.flockctl("restore", file, "--replace")
    expect(restored).to have_attributes(exit_code: 0, err: /stay removed: gone1/)
    hub.start
    eventually("members are back") do
      nodes(hub) == { "hub0" => "alive", "kept1" => "alive", "late1" => "alive" }
    end
    expect(hub.settled(count: 1).first["state"]).to eq("done")
    expect(fired).to eq(%w[mark])
    expect(finding(hub, "restored")).to include("level" => "warning", "remedy" => /node remove.*restored\.json/)
    eventually("its link is back") { finding(kept, "hub")["level"] == "ok" }
    expect(fleet.add("new1").flockctl("join", token)).to have_attributes(exit_code: 7, err: /no such join token/)
    twin = fleet.add("late1", dir: "twin")
    expect(twin.flockctl("join", fleet.token)).to have_attributes(exit_code: 7, err: /late1 is in this flock already/)
    gone.stop.start
    eventually("it stays out") { gone.log.scan("was removed from the flock").size > 1 }
    eventually("the late one is connected") { late.flockctl!("status").include?("connected") }
    File.delete(hub.path("data/restored.json"))
    expect(finding(hub, "restored")).to be_nil
  end
end
