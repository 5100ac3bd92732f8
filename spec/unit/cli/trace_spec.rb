# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Verbs::Trace do
  # A chain: a's recipe notifies b, whose action notifies c, which is away.
  source = { "key" => "file[/x]", "action" => "create", "recipe" => "cb::default", "line" => 12, "run_id" => "r1" }
  hop = { "node" => "b", "key" => "execute[one]", "action" => "run" }
  base = { "timing" => "delayed", "chain" => [], "sources" => [], "cause_root" => "", "code" => "", "message" => "" }
  first = base.merge("id" => "id-1", "key" => "execute[one]", "action" => "run", "sources" => [source])
  second = base.merge("id" => "id-2", "key" => "execute[two]", "action" => "run", "chain" => [hop],
                      "cause_root" => "id-1")
  kept = {
    "a" => [first.merge("direction" => "out", "peer" => "b", "state" => "done", "created_ms" => 1000,
                        "updated_ms" => 1300)],
    "b" => [first.merge("direction" => "in", "peer" => "a", "state" => "done", "created_ms" => 1020,
                        "updated_ms" => 1250, "run_ms" => 100),
            second.merge("direction" => "out", "peer" => "c", "state" => "offered", "created_ms" => 1250,
                         "updated_ms" => 1260, "code" => "refused", "message" => "c refuses connections")]
  }

  let(:talk) { [] }

  def trace(id, kept, found = [])
    client = FakeLocalClient.new("hello" => { "name" => "a" }, "list" => { "records" => found })
    asked = @asked = Thread::Queue.new
    client.define_singleton_method(:invoke) do |request, arguments, **|
      asked << [request[:node], arguments]
      records = kept.fetch(request[:node]) { raise FlockOfChefs::ConnectionError, "no way to #{request[:node]}" }
      { "result" => JSON.generate(records), "topic" => "", "version" => "", "polled" => false }
    end
    described_class.new(talk: talk.method(:push)).call(client, id:)
  end

  it "asks every node on the way and tells it in the order in which it happened" do
    result = trace("id-1", kept, kept["a"])
    expect(Array.new(@asked.size) { @asked.pop }).to eq([%w[a ["id-1"]], %w[b ["id-1"]], %w[c ["id-1"]]])
    expect(result.data["events"].map { |event| event.values_at("node", "event") })
      .to eq([%w[a updated], %w[a kept], %w[b arrived], %w[b began], %w[b done], %w[a known], %w[b kept],
              %w[b offered]])
    expect(result.text).to include("file[/x] was updated by :create (cb::default:12)", "done after 100 ms",
                                   "for c: offered (refused: c refuses connections)", "+250 ms")
    expect([result.code, talk]).to eq([4, ["c could not be asked: no way to c"]])
  end

  it "begins with the root, whatever of the chain is named" do
    trace("id-2", kept, [kept["b"].last])
    expect(@asked.pop).to eq(%w[a ["id-1"]])
  end

  it "says that nobody knows it" do
    expect([trace("id-9", { "a" => [] }).code, talk.first]).to match([3, /no notification id-9/])
  end

  it "says whom it left out of a way over more nodes than it asks" do
    peers = Array.new(100) { |number| format("m%03d", number) }
    sent = peers.map { |peer| kept["a"].first.merge("peer" => peer) }
    result = trace("id-1", peers.to_h { |peer| [peer, []] }.merge("a" => sent))
    expect([result.code, @asked.size, result.data["not_asked"].keys]).to eq([4, 64, peers.last(37)])
    expect(result.data["not_asked"].values.uniq).to eq(["more than 64 nodes"])
    expect(talk).to eq(["the way goes on: 37 more nodes were not asked, since 64 are the most; -F json names them"])
  end

  it "does not guess which of several is meant" do
    expect { trace("id", kept, kept["b"]) }.to raise_error(FlockOfChefs::ConfigurationError, /fits 2/)
  end
end
