# frozen_string_literal: true

require "flock_of_chefs/cli"
require "socket"
require "tmpdir"

RSpec.describe FlockOfChefs::CLI::Way do
  let(:local) { FlockOfChefs::LocalClient.new(nil, { "socket" => "#{@dir}/agent.sock" }) }
  let(:operator) { FlockOfChefs::OperatorClient.new(nil) }
  let(:not_there) { FlockOfChefs::ConfigurationError.new("agent.toml does not exist", code: "no_config") }

  around do |example|
    Dir.mktmpdir do |dir|
      @dir = dir
      example.run
    end
  end

  before do
    allow(FlockOfChefs::LocalClient).to receive(:configured).and_return(local)
    allow(FlockOfChefs::OperatorClient).to receive_messages(configured: operator, configured?: true)
  end

  def listening(&) = UNIXServer.open("#{@dir}/agent.sock", &)

  it "is the agent that answers, though there is an identity" do
    listening { expect(described_class.client({ config: "x" })).to be(local) }
    expect(FlockOfChefs::LocalClient).to have_received(:configured).with("x")
  end

  it "is the operator's where no agent answers, or none is configured" do
    expect(described_class.client({})).to be(operator)
    allow(FlockOfChefs::LocalClient).to receive(:configured).and_raise(not_there)
    expect(described_class.client({})).to be(operator)
  end

  it "without either lets the agent's own complaint speak, and names the other way" do
    allow(FlockOfChefs::OperatorClient).to receive(:configured?).and_return(false)
    expect(described_class.client({})).to be(local)
    allow(FlockOfChefs::LocalClient).to receive(:configured).and_raise(not_there)
    expect { described_class.client({}) }
      .to raise_error(FlockOfChefs::ConfigurationError, /does not exist; without an agent: flockctl join --operator/)
  end

  it "lets a mistake in agent.toml speak for itself" do
    allow(FlockOfChefs::OperatorClient).to receive(:configured?).and_return(false)
    wrong = FlockOfChefs::ConfigurationError.new("agent.toml:5: unknown key", code: "unknown_key")
    allow(FlockOfChefs::LocalClient).to receive(:configured).and_raise(wrong)
    expect { described_class.client({}) }.to raise_error(wrong)
  end

  it "is what --via says" do
    listening { expect(described_class.client({ via: "operator" })).to be(operator) }
    expect(described_class.client({ via: "agent" })).to be(local)
  end

  it "is the agent of this node for what only that can do" do
    expect(described_class.client({}, here: true)).to be(local)
    expect { described_class.client({ via: "operator" }, here: true) }
      .to raise_error(FlockOfChefs::ConfigurationError, /leave out --via operator/)
  end

  it "finds the identity in the folder that is named, else at home" do
    allow(FlockOfChefs::OperatorClient).to receive(:configured?).and_call_original
    stub_const("ENV", ENV.to_h.merge("FLOCK_OPERATOR_DIR" => @dir))
    expect([FlockOfChefs::OperatorClient.dir, FlockOfChefs::OperatorClient.configured?]).to eq([@dir, false])
    Dir.mkdir(File.join(@dir, "identity"))
    expect(FlockOfChefs::OperatorClient.configured?).to be true
    ENV["FLOCK_OPERATOR_DIR"] = ""
    expect(FlockOfChefs::OperatorClient.dir).to eq(File.join(Dir.home, ".flock_of_chefs"))
  end
end
