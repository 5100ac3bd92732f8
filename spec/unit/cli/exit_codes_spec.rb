# frozen_string_literal: true

require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::ExitCodes do
  it "are those that scripts hold on to" do
    names = %i[DONE USAGE FAILED NOTHING UNKNOWN DEADLINE QUORUM DENIED INTERRUPTED]
    expect(names.map { |name| described_class.const_get(name) }).to eq([0, 1, 2, 3, 4, 5, 6, 7, 130])
  end

  {
    [] => 3, %w[done done] => 0, %w[done failed] => 2, %w[done undeliverable] => 2, %w[expired] => 2, %w[denied] => 7,
    %w[unknown done] => 4, %w[stored] => 5, %w[queued done] => 5, %w[unknown stored] => 4, %w[denied failed] => 2,
    %w[superseded] => 4
  }.each do |states, code|
    it("are #{code} for #{states.inspect}") { expect(described_class.of_states(states)).to eq(code) }
  end

  it "never call an unfinished or unknown outcome done" do
    others = %w[queued offered stored claimed failed unknown superseded expired denied undeliverable whatever]
    expect(others.map { |state| described_class.of_states([state]) }).not_to include(0)
  end

  it "have an order that knows them all, what is certain before what is open" do
    codes = described_class.constants.map { |name| described_class.const_get(name) }.grep(Integer)
    expect(described_class::ORDER).to match_array(codes - [0])
    expect([[3, 5], [5, 1], [4, 3, 2], [0, 6], [0, 0], []].map { |some| described_class.worst(some) })
      .to eq([3, 1, 2, 6, 0, 0])
  end

  {
    FlockOfChefs::ConfigurationError => 1, FlockOfChefs::InternalError => 1, FlockOfChefs::NodeNotFoundError => 3,
    FlockOfChefs::ConnectionError => 4, FlockOfChefs::OutcomeUnknownError => 4, FlockOfChefs::TimeoutError => 5,
    FlockOfChefs::DeniedError => 7, FlockOfChefs::RemoteError => 2, FlockOfChefs::CLI::QuorumError => 6,
    Interrupt => 130, RuntimeError => 1
  }.each do |error, code|
    it("are #{code} for #{error}") { expect(described_class.of_error(error.new("x"))).to eq(code) }
  end
end
