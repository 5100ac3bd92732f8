# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Verbs do
  let(:talk) { [] }
  let(:native) { class_double(FlockOfChefs::Native) }

  def verb(name) = described_class.const_get(name).new(talk: talk.method(:push), native:)

  describe "join --operator" do
    before { allow(FlockOfChefs::OperatorClient).to receive(:dir).and_return("/home/alice/.flock_of_chefs") }

    it "asks for an identity of one's own, and says where it is" do
      learned = { "name" => "operator/alice", "dir" => "/home/alice/.flock_of_chefs", "certificate_expires_ms" => 0 }
      asked = nil
      allow(native).to receive(:join_operator) { |json, _| JSON.generate(learned).tap { asked = JSON.parse(json) } }
      result = verb(:Join).call(nil, { operator: true, join_string: "flock1.x" })
      expect(asked).to eq("join" => "flock1.x", "dir" => "/home/alice/.flock_of_chefs", "replace" => false)
      expect([result.data, talk.first]).to match [learned, %r{operator/alice.*/home/alice/.flock_of_chefs}]
    end

    it "takes no option of nodes" do
      expect { verb(:Join).call(nil, { operator: true, join_string: "x", data_dir: "/x" }) }
        .to raise_error(FlockOfChefs::ConfigurationError, "--data-dir is for nodes: leave it out with --operator")
    end
  end

  it "makes a token for one operator and says who runs what" do
    client = FakeLocalClient.new("token_create" => { "join_string" => "flock1.x", "expires_ms" => 0 })
    %w[alice operator/alice].each { |name| verb(:TokenCreate).call(client, { operator: name }) }
    expect(client.calls.map { |call| call[1][:operator] }).to eq(%w[alice alice])
    expect(talk.first).to include("flockctl join --operator STRING")
  end

  it "removes an operator, and never the node of that name" do
    client = FakeLocalClient.new("node_remove" => {})
    %w[alice operator/alice].each { |name| verb(:OperatorRemove).call(client, { name: }) }
    expect(client.calls.map { |call| call[1] }).to eq([{ name: "operator/alice" }] * 2)
  end

  it "lists operators, with times that people read" do
    records = [{ "name" => "alice", "issued_ms" => 1_700_000_000_000, "expires_ms" => 1_702_592_000_000 }]
    client = FakeLocalClient.new("operators" => { "records" => records })
    io = StringIO.new
    FlockOfChefs::CLI::Output.new("text", io).print(verb(:Operators).call(client))
    expect(io.string).to match(/alice +2023-11-14T22:13:20Z +2023-12-14T22:13:20Z/)
    verb(:Operators).call(FakeLocalClient.new("operators" => { "records" => [] }))
    expect(talk).to eq(["no operators; `flockctl token create --operator NAME` on a hub invites one"])
  end

  it "tells who asked for a notification only where that was an operator" do
    story = lambda do |operator|
      client = FakeLocalClient.new("list" => { "records" => [{ "id" => "1", "operator" => operator }] })
      verb(:Notifications).call(client, { id: "1" }).text
    end
    expect(story.call("alice")).to include("asked by:    operator/alice")
    expect(story.call("")).not_to include("asked by")
  end
end
