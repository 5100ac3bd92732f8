# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

# --batch and --max-errors.
RSpec.describe FlockOfChefs::CLI::Rollout do
  let(:nodes) { ("a".."h").to_a }
  let(:progress) { FlockOfChefs::CLI::Progress.new(nodes.size, ->(_) {}) }
  let(:codes) { FlockOfChefs::CLI::ExitCodes }

  # The batches that were asked, where these nodes fail; and the codes by node.
  def run(bad: [], **options)
    rollout = described_class.new(nodes, options, progress)
    batches = []
    outcomes = rollout.run do |batch|
      batches << batch
      batch.map do |node|
        code = bad.include?(node) ? codes::FAILED : codes::DONE
        rollout.ended(described_class::Outcome.new(node, { "node" => node }, code), "ended")
      end
    end
    [batches, outcomes.to_h { |outcome| [outcome.node, outcome.code] }]
  end

  it "asks all at once unless told otherwise" do
    expect(run(bad: nodes).first).to eq([nodes])
  end

  it "asks batch by batch, by number and by share" do
    expect(run(batch: "3").first).to eq([%w[a b c], %w[d e f], %w[g h]])
    expect(run(batch: "50%").first.map(&:size)).to eq([4, 4])
    expect(run(batch: "1%").first.size).to eq(8)
  end

  it "asks no more once it went wrong too often, and says who was not asked" do
    batches, found = run(bad: %w[a c], batch: "2", max_errors: "1")
    expect(batches).to eq([%w[a b], %w[c d]])
    expect(found.values_at("a", "b", "c", "e", "h")).to eq([codes::FAILED, codes::DONE, codes::FAILED, nil, nil])
  end

  it "bears errors up to the number, and with 0 none" do
    expect(run(bad: ["a"], batch: "1", max_errors: "1").first.size).to eq(8)
    expect(run(bad: ["b"], batch: "1", max_errors: "0").first).to eq([["a"], ["b"]])
    expect(run(bad: ["a"], batch: "1", max_errors: "12%").first).to eq([["a"]]) # of 8 that is none
  end

  it "does not begin with a number that it cannot read" do
    [{ batch: "0" }, { batch: "few" }, { max_errors: "-1" }].each do |options|
      expect { run(**options) }.to raise_error(FlockOfChefs::ConfigurationError, /--(batch|max-errors)/)
    end
  end

  describe "in the middle of a batch" do
    it "asks nobody else either" do
      rollout = described_class.new(nodes, { max_errors: "0" }, progress)
      asked = []
      rollout.run do |batch|
        stub_const("FlockOfChefs::CLI::Many::AT_ONCE", 1)
        rollout.ask(batch) do |node|
          asked << node
          rollout.ended(described_class::Outcome.new(node, {}, codes::FAILED), "failed")
        end.values
      end
      expect(asked).to eq(["a"])
    end
  end
end
