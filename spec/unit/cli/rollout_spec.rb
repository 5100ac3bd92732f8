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
    batches = []
    rollout = rolled(options) do |rollout, batch|
      batches << batch
      batch.each { |node| ended(rollout, node, bad.include?(node) ? codes::FAILED : codes::DONE) }
    end
    [batches, rollout.outcomes.to_h { |outcome| [outcome.node, outcome.code] }]
  end

  def made(options)
    described_class.new(nodes, options, ->(_) { progress }) { |node, *why| [{ "node" => node, "why" => why }, "look"] }
  end

  def rolled(options) = made(options).tap { |rollout| rollout.run { |batch| yield(rollout, batch) } }

  def ended(rollout, node, code = codes::DONE)
    rollout.ended(described_class::Outcome.new(node, { "node" => node }, code), "ended")
  end

  # What is known of each node.
  def told(rollout) = rollout.outcomes.to_h { |outcome| [outcome.node, outcome.row.fetch("why", []).first || "ended"] }

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
      asked = []
      rolled({ max_errors: "0" }) do |rollout, batch|
        stub_const("FlockOfChefs::CLI::Many::AT_ONCE", 1)
        rollout.ask(batch) do |node|
          asked << node
          ended(rollout, node, codes::FAILED)
        end
      end
      expect(asked).to eq(["a"])
    end
  end

  # In the second batch, of which the first node was asked.
  def broken(error)
    rolled({ batch: "2" }) do |rollout, batch|
      next batch.each { |node| ended(rollout, node) } if batch.include?("a")

      rollout.began(batch.first)
      raise error
    end
  end

  describe "when a batch breaks" do
    it "keeps what is known, does not know of those that were asked, and asks no more" do
      rollout = broken(FlockOfChefs::TimeoutError.new("too late"))
      expect(told(rollout).values).to eq(%w[ended ended unknown] + (["not_asked"] * 5))
      expect([rollout.code, rollout.outcomes.select(&:again?).map(&:node)]).to eq([codes::DEADLINE, %w[d e f g h]])
    end

    it "knows that nothing was done where nobody was reached" do
      rollout = broken(FlockOfChefs::ConnectionError.new("no agent", code: "no_agent"))
      expect(told(rollout).values).to eq(%w[ended ended] + (["not_asked"] * 6))
      expect(rollout.outcomes.last.row["why"].last).to include("no agent")
      expect(told(broken(FlockOfChefs::ConnectionError.new("broke")))["c"]).to eq("unknown")
    end

    it "is the command's own error if nothing else is known" do
      expect { rolled({}) { raise FlockOfChefs::DeniedError, "not you" } }.to raise_error(FlockOfChefs::DeniedError)
    end
  end

  describe "when it is interrupted" do
    { Interrupt.new => 130, SignalException.new("TERM") => 143 }.each do |signal, code|
      it "tells what is known, with #{code}" do
        rollout = broken(signal)
        expect([rollout.code, rollout.interrupt]).to eq([code, signal])
        expect(told(rollout).values.tally).to eq("ended" => 2, "unknown" => 1, "not_asked" => 5)
        expect(rollout.outcomes.last.row["why"].last).to include("interrupted")
      end
    end
  end
end
