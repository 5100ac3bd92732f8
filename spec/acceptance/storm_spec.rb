# frozen_string_literal: true

require "json"
require_relative "../support/acceptance"
require_relative "../support/simulated"

# 50 nodes, each with an identity of its own, send one node 5,000 notifications of one action. Nothing is lost, the
# action runs once for all that wait, and the agents stay small.
RSpec.describe "a storm", :acceptance, :slow do
  include_context "with a flock"

  let(:senders) { 50 }
  let(:count) { 5_000 }
  # 5,000 rows of an inbox in memory more than once would be more than this.
  let(:allowance_mib) { 128 }

  before(:context) { @program = Simulated.build("storm") }

  def peak_mib(node) = File.read("/proc/#{node.pid}/status")[/^VmHWM:\s*(\d+)/, 1].to_i / 1024

  # @param words [Array<String>] key and action
  def storm(target, *words, &block)
    tokens = fleet.token("--uses", senders.to_s)
    Simulated.open(@program, target.name, "127.0.0.1:#{target.port}", *words, senders, count, tokens, &block)
  end

  it "on a node that is busy converging is one run, whose outcome all senders hear" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark"))
    before = [hub, target].map { |node| peak_mib(node) }
    gate = File.join(fleet.dir, "gate")
    run = hold(target, appending("mark") + gate(gate))

    storm(target, "execute[mark]", "run") do |burst|
      expect(burst.hear).to eq("ready" => senders)
      burst.tell
      expect(burst.hear).to include("stored" => count)
      expect(fired).to eq([])
      File.write(gate, "")
      run.join
      expect(burst.hear).to include("outcomes" => { "done" => count })
    end

    expect(fired).to eq(["mark"])
    grown = [hub, target].zip(before).map { |node, earlier| peak_mib(node) - earlier }
    expect(grown).to all(be < allowance_mib)
    expect(hub.flockctl!("notify", "node1", "execute[mark]", "run", "--wait", "2m")).to include("done")
    expect(fired).to eq(%w[mark mark])
  end

  it "on a node that is free runs the action a few times, each for many" do
    fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark"))
    storm(target, "execute[mark]", "run") do |burst|
      burst.hear
      burst.tell
      expect(burst.hear).to include("stored" => count)
      expect(burst.hear).to include("outcomes" => { "done" => count })
    end
    # One run serves what came while the one before ran: as many as there are rounds, not as there are notifications.
    expect(fired.length).to be_between(1, count / 20)
  end

  it "of 5,000 subscriptions to one source is one notification for each, and the source stays small" do
    hub = fleet.hub("hub0")
    source = fleet.join("node1")
    source.converge!("")
    before = [hub, source].map { |node| peak_mib(node) }
    arguments = [source.name, "127.0.0.1:#{source.port}", "execute[change]", senders, count]

    Simulated.open(Simulated.build("subscribers"), *arguments, fleet.token("--uses", senders.to_s)) do |subscribers|
      expect(subscribers.hear).to include("declared" => count)
      Fleet.eventually("the source knows all of them", timeout: 120) do
        known(source) == count
      end
      source.converge!("execute('change') { command 'true' }")
      expect(subscribers.hear).to include("served" => count, "repeated" => 0)
      Fleet.eventually("the source knows what became of all", timeout: 120) { waiting(source).zero? }
    end

    grown = [hub, source].zip(before).map { |node, earlier| peak_mib(node) - earlier }
    expect(grown).to all(be < allowance_mib)
  end

  def known(node) = listed(node, "subscriptions", "--direction", "in")

  def waiting(node)
    Fleet::Node::UNFINISHED.sum { |state| listed(node, "notifications", "--direction", "out", "--state", state) }
  end

  def listed(node, what, *options)
    node.flockctl(what, "list", *options, "--limit", "10000", "--format", "names").out.lines.length
  end
end
