# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Selecting do
  def client(*nodes, stale: false) = @client = FakeLocalClient.new("resolve" => { "nodes" => nodes, "stale" => stale })

  def find(names = [], **options) = described_class.find(@client, names, options)["nodes"].map { |node| node["name"] }

  it "asks for all that is said, and answers in the order of names" do
    client({ "name" => "b", "presence" => "alive" }, { "name" => "a", "presence" => "gone" })
    expect(find(role: %w[web db], environment: "prod", tag: nil)).to eq(%w[a b])
    expect(@client.calls.first[1]).to eq(nodes: [], roles: %w[web db], environment: "prod")
  end

  it "knows whether anything is chosen so" do
    expect(described_class.any?(timeout: "10", node: "a")).to be(false)
    expect(described_class.any?(service: ["/a"])).to be(true)
  end

  it "takes an empty value for a mistake, not for any value" do
    client
    [{ environment: "" }, { tag: [] }, { role: ["web", nil] }, { policy_name: " " }].each do |wrong|
      word = wrong.keys.first.to_s.tr("_", "-")
      expect { find(service: ["/a"], **wrong) }
        .to raise_error(FlockOfChefs::ConfigurationError, /\A--#{word} has an empty value; leave out --#{word}/)
    end
    expect(@client.calls).to eq([])
  end

  it "finds nobody where only names that nobody has match" do
    client({ "name" => "z", "presence" => "unknown" })
    expect { find(["z"], tag: ["x"]) }
      .to raise_error(FlockOfChefs::NodeNotFoundError, "no node matches z, tags: x; see flockctl nodes")
  end

  it "leaves no call without a node, an API and a method" do
    command = FlockOfChefs::CLI::Commands::Call.new
    [{}, { node: "web1", api: "flock_api" }, { role: ["web"], node: "flock_api" }].each do |words|
      expect { command.call(**words) }.to raise_error(FlockOfChefs::ConfigurationError, /NODE API METHOD/)
    end
  end
end
