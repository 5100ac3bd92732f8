# frozen_string_literal: true

require_relative "../support/acceptance"

RSpec.describe "nodes that cannot be dialled", :acceptance do
  include_context "with a flock"

  let!(:hub) { fleet.hub("bender0") }

  def dialling_out(name, recipe = appending("mark"))
    fleet.join(name, listen: false).tap { |node| node.converge!(recipe) }
  end

  # A member whose configuration says that it can be dialled where it cannot.
  def misled(name, address)
    node = fleet.join(name, start: false)
    node.edit("agent.toml") { |text| text.sub(/^listen = .*$/, "\\0\nadvertise = \"#{address}\"") }
    node.start.tap { |started| started.converge!(appending("mark", name)) }
  end

  def states(node) = node.settled(count: 1).map { |sent| sent.values_at("peer", "state") }

  describe "with listen = \"\"" do
    it "notify one another, and each hears what came of it" do
      bender1 = dialling_out("bender1", appending("mark", "one"))
      bender2 = dialling_out("bender2", appending("mark", "two"))
      bender1.converge!(appending("mark", "one") + sending("node: 'bender2'"))
      expect(states(bender1)).to eq([%w[bender2 done]])
      bender2.converge!(appending("mark", "two") + sending("node: 'bender1'", file: "back"))
      expect(states(bender2)).to eq([%w[bender1 done]])
      expect(fired).to eq(%w[two one])
    end

    it "and their hub notify one another" do
      bender1 = dialling_out("bender1")
      hub.converge!(appending("hub mark") + sending("node: 'bender1'"))
      expect(states(hub)).to eq([%w[bender1 done]])
      bender1.converge!(sending("node: 'bender0'", key: "execute[hub mark]", file: "up"))
      expect(states(bender1)).to eq([%w[bender0 done]])
      expect(fired).to eq(["mark", "hub mark"])
    end

    it "show their resources to one another, under the name that the hub has verified" do
      bender1 = dialling_out("bender1")
      fleet.join("bender2", listen: false)
      expect(fleet.nodes.last.flockctl!("resources", "bender1")).to include("execute[mark]")
      bender1.stop
      bender1.edit("agent.toml") do |text|
        "#{text}\n[[allow]]\nfrom = \"bender0\"\nresource = \"execute[*]\"\nactions = [\"run\"]\n"
      end
      bender1.start
      Fleet.eventually("the hub sees them") { hub.flockctl("resources", "bender1").success? }
      refused = fleet.nodes.last.flockctl("resources", "bender1")
      expect([refused.exit_code, refused.err]).to match([7, /bender2 may not list the resources of bender1/])
    end

    it "keep what is for a node that is off until it is back" do
      bender1 = dialling_out("bender1").stop
      bender2 = dialling_out("bender2", sending("node: 'bender1'"))
      Fleet.eventually("it waits") do
        bender2.notifications.first.values_at("state", "code") == %w[queued not_connected]
      end
      bender1.start
      expect(states(bender2)).to eq([%w[bender1 done]])
    end
  end

  describe "while the hub dies by kill -9" do
    it "deliver when it is back, once" do
      bender1 = dialling_out("bender1")
      bender2 = dialling_out("bender2")
      hub.kill9
      bender2.converge!(appending("mark") + sending("node: 'bender1'"))
      expect(bender2.notifications.first["state"]).to eq("queued").or eq("offered")
      hub.start
      expect(states(bender2)).to eq([%w[bender1 done]])
      expect([fired, bender1.notifications.length]).to eq([%w[mark], 1])
    end

    it "report what was run meanwhile" do
      bender1 = dialling_out("bender1")
      bender2 = dialling_out("bender2")
      run = hold(bender1, appending("mark") + gate(bender1.path("gate")))
      bender2.converge!(sending("node: 'bender1'"))
      stored_at_target(bender2)
      hub.kill9
      File.write(bender1.path("gate"), "")
      run.join
      Fleet.eventually("it ran without a hub") { fired == %w[mark] }
      expect(bender2.notifications.first["state"]).to eq("stored")
      hub.start
      expect(states(bender2)).to eq([%w[bender1 done]])
    end
  end

  describe "with an address that leads nowhere, or to someone else" do
    it "are reached through the hub after the dial has failed" do
      nowhere = misled("bender1", "127.0.0.1:#{Fleet.free_port}")
      misled("bender2", "127.0.0.1:#{nowhere.port}")
      hub.converge!(sending("node: %w[bender1 bender2]"))
      expect(hub.settled(count: 2).map { |sent| sent.values_at("peer", "state") })
        .to contain_exactly(%w[bender1 done], %w[bender2 done])
      nowhere.converge!(appending("mark", "bender1") + sending("node: 'bender2'", file: "other"))
      expect(states(nowhere)).to eq([%w[bender2 done]])
      expect(fired).to contain_exactly("bender1", "bender2", "bender2")
    end
  end
end
