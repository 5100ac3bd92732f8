# frozen_string_literal: true

require "flock_of_chefs/worker/control"

RSpec.describe FlockOfChefs::Worker::Control do
  let(:pair) { described_class.pair.then { |ours, theirs| [ours, described_class.new(theirs)] } }
  let(:agent) { pair.first }
  let(:worker) { pair.last }

  after { pair.each(&:close) }

  it "keeps messages apart and in order" do
    3.times { |n| agent.tell("n" => n) }
    expect(Array.new(3) { worker.hear }).to eq(Array.new(3) { |n| [{ "n" => n }, nil] })
  end

  it "carries a descriptor, which children do not inherit" do
    IO.pipe do |reader, writer|
      agent.tell({ "job_file" => "x" }, writer)
      message, descriptor = worker.hear
      descriptor.write("heard")
      [descriptor, writer].each(&:close)
      expect([message, reader.read, reader.close_on_exec?]).to eq([{ "job_file" => "x" }, "heard", true])
    end
  end

  it "never waits for who does not read" do
    told = Array.new(10_000) { agent.tell("text" => "x" * 1_000) }
    expect(told.uniq).to eq([true, false])
  end

  it "tells the end apart from silence, and still talks the other way" do
    agent.finish
    expect(worker.hear).to be_nil
    expect([worker.tell("state" => "warm"), agent.hear]).to eq([true, [{ "state" => "warm" }, nil]])
    expect(agent.tell({})).to be(false)
  end

  it "leaves nothing to read on the input that it took" do
    ours, theirs = described_class.pair
    taken = described_class.take(theirs)
    ours.tell("a" => 1)
    expect([theirs.read, taken.hear]).to eq(["", [{ "a" => 1 }, nil]])
  ensure
    [ours, taken].each(&:close)
  end
end
