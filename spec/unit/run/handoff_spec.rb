# frozen_string_literal: true

require "chef"
require "flock_of_chefs/run/handoff"
require "support/chef_log"

RSpec.describe FlockOfChefs::Run::Handoff do
  include ChefLog

  # Answers as it is told, and moves the clock.
  let(:client_class) do
    Class.new do
      attr_reader :calls, :drafts

      def initialize(script, clock)
        @script = script
        @clock = clock
        @calls = []
        @drafts = []
      end

      def append(json, timeout_ms)
        @drafts << JSON.parse(json)
        play(timeout_ms)
      end

      def call(operation, json, timeout_ms)
        @calls << [operation, JSON.parse(json)]
        play(timeout_ms)
      end

      def timeouts = @timeouts ||= []

      private

      def play(timeout_ms)
        timeouts << timeout_ms
        took, answer = @script.size > 1 ? @script.shift : @script.first
        @clock[:ms] += took
        answer.is_a?(Exception) ? raise(answer) : JSON.generate(answer)
      end
    end
  end
  let(:clock) { { ms: 0.0 } }
  let(:settings) { FlockOfChefs::Run::Settings.new(data_dir: "/data", socket: "/agent.sock") }
  let(:outbox) { { where: "outbox", seq: 1 } }
  let(:spool) { { where: "spool", seq: 0 } }
  let(:draft) { { "key" => "execute[x]", "action" => "run" } }

  before { Chef::Log.init(File::NULL) }

  after do
    described_class.current = nil
    described_class.cause = nil
  end

  def handoff(*script)
    client = @client = client_class.new(script, clock)
    native = Module.new
    native.define_singleton_method(:new_id) { "an-id" }
    native.const_set(:Client, Module.new.tap { |made| made.define_singleton_method(:new) { |_json| client } })
    budget = FlockOfChefs::Run::Budget.new(clock: -> { clock[:ms] })
    FlockOfChefs::Run::AgentHandoff.new(settings: settings, native: native, budget: budget)
  end

  it "completes drafts with the id and no cause" do
    expect(handoff([1, outbox]).append(draft)).to eq "an-id"
    expect(@client.drafts).to eq [{ "id" => "an-id", "key" => "execute[x]", "action" => "run", "chain" => [],
                                    "cause_root" => "" }]
  end

  it "names the cause that a worker has set" do
    described_class.cause = { chain: [{ "node" => "b", "key" => "k", "action" => "run" }], cause_root: "root" }
    handoff([1, outbox]).append(draft)
    expect(@client.drafts.first).to include("chain" => [{ "node" => "b", "key" => "k", "action" => "run" }],
                                            "cause_root" => "root")
  end

  it "offers the agent 150 ms, and does not use them up by prompt answers" do
    target = handoff([2, outbox])
    500.times { target.append(draft) }
    expect(@client.timeouts.uniq).to eq [150]
  end

  it "counts slow answers against the whole run" do
    target = handoff([110, outbox])
    3.times { target.append(draft) }
    expect(@client.timeouts).to eq [150, 50, 0]
  end

  it "goes straight to the spool after the first failure, and says so once" do
    target = handoff([1, spool])
    log = chef_log { 3.times { target.append(draft) } }
    expect(@client.timeouts).to eq [150, 0, 0]
    line = "the agent does not answer on /agent.sock; the notifications of this run wait in /data/spool"
    expect(log.scan(line).size).to eq 1
  end

  it "spools the same id if the socket fails with an error" do
    target = handoff([150, FlockOfChefs::TimeoutError.new("late")], [1, spool])
    expect(target.append(draft)).to eq "an-id"
    expect(@client.timeouts).to eq [150, 0]
    expect(@client.drafts.map { |sent| sent["id"] }).to eq %w[an-id an-id]
  end

  it "raises the library's own error if it can be kept nowhere" do
    target = handoff([1, FlockOfChefs::RejectedError.new("the spool is full")])
    expect { target.append(draft) }.to raise_error(
      FlockOfChefs::RejectedError,
      "it can be kept nowhere, neither by the agent (/agent.sock) nor in /data/spool: the spool is full"
    )
  end

  it "does not try for ever" do
    target = handoff([1, FlockOfChefs::ConnectionError.new("refused")])
    expect { target.append(draft) }.to raise_error(FlockOfChefs::ConnectionError, /kept nowhere/)
    expect(@client.timeouts).to eq [150, 0]
  end

  it "pokes the agent within what is left, never raising" do
    target = handoff([20, {}], [1, FlockOfChefs::ConnectionError.new("refused")])
    expect(target.poke(phase: "running", number: 3, pid: 1, started_ms: 2)).to be true
    expect(target.poke(phase: "failed")).to be false
    expect(@client.calls.first).to eq ["run_changed", { "phase" => "running", "number" => 3 }] # no field it refuses
    expect(@client.timeouts).to eq [150, 140]
  end

  it "does not poke an agent that has hung" do
    target = handoff([160, spool])
    target.append(draft)
    expect(target.poke(phase: "failed")).to be false
    expect(@client.calls).to be_empty
  end

  describe "redirected, as in a worker's child" do
    it "collects complete drafts and touches nothing native" do
      stub_const("FlockOfChefs::Native", Module.new) # that has nothing to call
      collected = []
      described_class.redirect(collected)
      described_class.cause = { chain: [], cause_root: "root" }
      id = described_class.current.append(draft)
      expect(id).to match(/\A\h{8}-\h{4}-7\h{3}-[89ab]\h{3}-\h{12}\z/)
      expect(collected).to eq [{ "id" => id, **draft, "chain" => [], "cause_root" => "root" }]
      expect(described_class.current.poke({})).to be_nil
    end

    it "stays redirected when a run begins" do
      described_class.redirect([])
      described_class.begin_run
      expect(described_class).to be_redirected
    end
  end

  it "makes ids that differ and sort by time" do
    ids = Array.new(200) { FlockOfChefs::Run::UniqueId.generate }
    expect(ids.uniq.size).to eq 200
    expect(ids.map { |id| id[0, 13] }).to eq(ids.map { |id| id[0, 13] }.sort)
  end
end
