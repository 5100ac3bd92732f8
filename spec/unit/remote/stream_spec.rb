# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"

RSpec.describe FlockOfChefs::Remote::Stream do
  let(:asked) { [] }

  def reply(yields, stream: "", result: "null") = { "yields" => yields, "stream" => stream, "result" => result }

  def stream(*replies, timeout_ms: 10_000)
    described_class.new(timeout_ms) do |more, left_ms, question|
      asked << [more, question]
      expect(left_ms).to be_between(1, timeout_ms)
      answer = replies.shift
      answer.is_a?(Exception) ? raise(answer) : answer
    end
  end

  it "gives every value of every answer, and returns the last answer" do
    got = []
    answers = [reply(["[1]", "[2,[3]]"], stream: "s1"), reply([], stream: "s2"), reply(["[4]"], result: "5")]
    expect(stream(*answers).run { |*values| got << values }).to include("result" => "5")
    expect(got).to eq([[1], [2, [3]], [4]])
    expect(asked).to eq([[{ streams: true }, 0], [{ stream: "s1", streams: true }, 1],
                         [{ stream: "s2", streams: true }, 2]])
  end

  it "ends the stream when the block is left, by break or by what it raises" do
    stream(reply(["[1]", "[2]"], stream: "s1"), nil).run { break }
    expect(asked.last).to eq([{ stream: "s1", stream_ends: true }, nil])
    asked.clear
    failing = stream(reply(["[1]"], stream: "s1"), FlockOfChefs::ConnectionError.new("gone"))
    expect { failing.run { raise KeyError, "mine" } }.to raise_error(KeyError, "mine")
    expect(asked.last.first).to eq(stream: "s1", stream_ends: true)
  end

  it "does not end what has ended by itself" do
    broken = stream(reply(["[1]"], stream: "s1"), FlockOfChefs::ConnectionError.new("gone"))
    expect { broken.run { nil } }.to raise_error(FlockOfChefs::ConnectionError)
    stream(reply(["[1]"])).run { break }
    expect(asked.map(&:first)).to all(include(streams: true))
  end

  it "asks again for what did not get through, some times" do
    stub_const("#{described_class}::PAUSES_S", [0, 0])
    answers = [FlockOfChefs::RejectedError.new("busy"), FlockOfChefs::ConnectionError.new("gone"), 5]
    ask = -> { answers.shift.then { |answer| answer.is_a?(Exception) ? raise(answer) : answer } }
    expect(described_class.persist(&ask)).to eq(5)
    answers.replace(Array.new(4) { FlockOfChefs::ConnectionError.new("gone") })
    expect { described_class.persist(&ask) }.to raise_error(FlockOfChefs::ConnectionError)
    expect(answers.size).to eq(1)
  end

  it "is over when its time is" do
    late = stream(reply(["[1]"], stream: "s1"), timeout_ms: 20)
    expect { late.run { sleep 0.03 } }.to raise_error(FlockOfChefs::TimeoutError)
    expect(asked.size).to eq(1)
  end
end
