# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "a clock that jumps" do
  include_context "with a fleet"

  let(:day_ms) { 24 * 60 * 60 * 1000 }

  def clock(node) = { "FLOCK_TEST_CLOCK" => node.path("clock") }
  def set(node, offset_ms) = File.write(node.path("clock"), offset_ms.to_s)
  def finding(node) = JSON.parse(node.flockctl("doctor", "--format", "json").out).find { |one| one["check"] == "clock" }

  def presence(hub)
    JSON.parse(hub.flockctl!("nodes", "--format", "json")).to_h { |node| node.values_at("name", "presence") }
  end

  { "a member's" => "node1", "the hub's" => "hub0" }.each do |whose, name|
    it "costs no lease and no notification when it is #{whose}" do
      hub = fleet.hub("hub0", lease_ms: 2_000)
      member = fleet.join("node1")
      [hub, member].each { |node| node.stop.start(env: clock(node)) }
      eventually("both are alive") { presence(hub) == { "hub0" => "alive", "node1" => "alive" } }
      member.converge!(appending)
      hub.flockctl!("notify", "away", "execute[mark]", "run")
      member.flockctl!("notify", "away", "execute[mark]", "run")
      epochs = [hub, member].map { |node| JSON.parse(node.flockctl!("status", "--format", "json"))["epoch"] }

      jumping = name == "hub0" ? hub : member
      [day_ms * 8, -day_ms, 0].each do |offset_ms|
        set(jumping, offset_ms)
        eventually("it is seen") { finding(jumping)["message"].match?(/jumped|ms from the hub's; nothing expires/) }
        sleep 3 # more than a lease: what is wrongly given up would be by then
        expect(presence(hub)).to eq("hub0" => "alive", "node1" => "alive")
        expect([hub, member].map { |node| node.notifications.last["state"] }).to eq(%w[queued queued])
      end
      expect(hub.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "2m")).to be_success
      expect([hub, member].map { |node| JSON.parse(node.flockctl!("status", "--format", "json"))["epoch"] })
        .to eq(epochs)
    end
  end
end
