# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"
require "flock_of_chefs/recipe/wait"

RSpec.describe FlockOfChefs::Remote::Waiting do
  # A clock that only sleeping and waiting for changes moves.
  let(:clock) do
    Class.new do
      attr_accessor :now, :slept

      def initialize
        @now = 0.0
        @slept = []
      end

      def sleep(seconds)
        @slept << seconds
        @now += seconds
      end
    end.new
  end

  # An agent whose observations end when the script says so: a number of seconds, or an error.
  let(:client) do
    Class.new do
      attr_reader :asked

      def initialize(clock, ends)
        @clock = clock
        @ends = ends
        @asked = []
      end

      def call(_operation, body, timeout_ms:)
        @asked << body.merge(patience_ms: timeout_ms)
        ended = @ends.shift
        raise ended if ended.is_a?(Exception)

        @clock.now += ended ? [ended, body[:timeout_ms] / 1000.0].min : body[:timeout_ms] / 1000.0
        { "changed" => [] }
      end
    end.new(clock, ends)
  end

  let(:ends) { [] }
  let(:lines) { [] }

  def read(topic: "run", version: "v1", value: false)
    FlockOfChefs::Remote::Reads.note(
      FlockOfChefs::Remote::Read.new(node: "db", topic:, version:, description: "db.flock_api.active", value:)
    )
  end

  def waiting(word = :wait_until, pause = nil, secret: false, **options, &block)
    wait = FlockOfChefs::Recipe::Wait.parse(word, pause, options, block, "cb/recipes/default.rb:3")
    described_class.new(wait, run: { at: wait.place }, client:, secret:, clock: clock.method(:now),
                              sleeper: clock.method(:sleep)) { |line| lines << line }
  end

  it "does not wait for what is so already" do
    expect(waiting { true }).to be_over
    expect(waiting(:wait_while) { nil }).to be_over
    expect([clock.slept, client.asked]).to eq([[], []])
  end

  describe "for what can be watched" do
    let(:ends) { [0.5, 0.7] }

    it "asks again as soon as it has changed" do
      answers = [false, false, true]
      expect(waiting { answers.shift.tap { |value| read(value:) } }).to be_over
      expect([clock.now, clock.slept]).to eq([1.2, []])
      expect(client.asked.first)
        .to include(topics: [{ node: "db", name: "run", version: "v1" }],
                    waiter: include(at: "cb/recipes/default.rb:3", blocks_run: true))
      expect(client.asked.last).to include(topics: [], waiter: client.asked.first[:waiter])
      expect(client.asked).to all(satisfy { |asked| asked[:patience_ms] > asked[:timeout_ms] })
    end

    it "asks with the newest version that it has read" do
      answers = [false, true]
      block = lambda do
        %w[old new].each { |version| read(version:) }
        answers.shift
      end
      waiting(&block).over?
      expect(client.asked.first[:topics]).to eq([{ node: "db", name: "run", version: "new" }])
    end
  end

  it "asks at growing pauses, too, for what else the block depends on" do
    asked_at = []
    local = -> { (asked_at << clock.now).size > 6 }
    expect(waiting { read(value: true) && local.call }).to be_over
    expect(asked_at).to eq([0.0, 1.0, 3.0, 7.0, 15.0, 25.0, 30.0])
    expect(client.asked.first).to include(topics: [hash_including(name: "run")], timeout_ms: 1000)
  end

  it "does not ask all the time where the pause is none" do
    tries = 0
    waiting(:wait_until, 0, timeout: 60) { (tries += 1) && false }.over?
    expect(tries).to be < 20
  end

  it "shows nothing of what a sensitive resource's block reads" do
    late = waiting(timeout: 40, secret: true) { read(value: "s3cret") && nil }
    expect(late).not_to be_over
    expect([late.to_s, *lines]).to all(include("until db.flock_api.active (last: [hidden: the resource is sensitive])"))
    failing = waiting(timeout: 40, secret: true) { raise FlockOfChefs::ConnectionError, "s3cret" }
    expect(failing).not_to be_over
    expect([failing.to_s, *lines].join).not_to include("s3cret")
  end

  it "asks for the rest at growing pauses" do
    tries = 0
    expect(waiting(:wait_until, 0.5) { (tries += 1) > 7 }).to be_over
    # The last one ends when a line of progress is due.
    expect(clock.slept).to eq([0.5, 1.0, 2.0, 4.0, 8.0, 10, 4.5])
  end

  it "ends when its time is up, and says what is missing and what it was last" do
    late = waiting(timeout: 90) { read && nil }
    expect(late).not_to be_over
    expect(clock.now).to be_within(0.1).of(90)
    expect(late.to_s).to eq("until db.flock_api.active (last: false)")
    expect(waiting(message: "for godot", timeout: 0) { false }.tap(&:over?).to_s).to eq("for godot")
  end

  it "says every 30 seconds what it waits for" do
    waiting(timeout: 70) { read && nil }.over?
    expect(lines).to match([/\Awaits for 30 s until db.flock_api.active/, /\Awaits for 60 s .* 10 s are left/])
  end

  it "takes a node that cannot be asked for one that is not so yet, and all else for an error" do
    tries = 0
    block = lambda do
      tries += 1
      raise FlockOfChefs::ConnectionError, "nobody there" if tries == 1

      true
    end
    expect(waiting(&block)).to be_over
    expect { waiting { raise FlockOfChefs::DeniedError, "no" }.over? }.to raise_error(FlockOfChefs::DeniedError)
    expect { waiting { raise KeyError, "oops" }.over? }.to raise_error(KeyError)
  end

  describe "for what cannot be answered, although its node says at once that it is otherwise" do
    let(:ends) { [0] * 500 }

    it "asks at growing pauses, not all the time" do
      tries = 0
      waiting(timeout: 60) { read(version: "") && (tries += 1) && raise(FlockOfChefs::ResourceNotFoundError, "no method") }
        .over?
      expect(tries).to be < 20
    end

    it "asks at once when it is answered, however often that changes" do
      expect(waiting { read && (client.asked.size > 100) }).to be_over
      expect(clock.slept).to eq([])
    end
  end

  describe "that is over" do
    let(:ends) { [1, nil, Interrupt.new("")] }

    it "tells its agent that its run waits for nobody any more, also when it was interrupted" do
      expect(waiting { read && client.asked.any? }).to be_over
      expect(client.asked.last).to include(topics: [], timeout_ms: 0, waiter: client.asked.first[:waiter])
      expect { waiting { read && nil }.over? }.to raise_error(Interrupt)
      expect(client.asked.last).to include(topics: [], timeout_ms: 0)
    end

    it "tells nothing when it never asked" do
      waiting { true }.over?
      expect(client.asked).to eq([])
    end
  end

  describe "in a circle" do
    let(:ends) { [FlockOfChefs::RejectedError.new("wait for one another", code: "wait_cycle")] }

    it "fails with the agent's words, and stays in it for the others to find" do
      expect { waiting { read && nil }.over? }.to raise_error(FlockOfChefs::RejectedError, "wait for one another")
      expect(client.asked.size).to eq(1)
    end
  end

  describe "while its agent is restarted" do
    let(:ends) { [FlockOfChefs::ConnectionError.new("gone"), 1] }

    it "goes on" do
      answers = [false, false, true]
      expect(waiting { answers.shift.tap { |value| read(value:) } }).to be_over
      expect(clock.slept).to eq([1])
    end
  end

  it "wants it to stay so with stable_for:" do
    answers = [true, false, true, true]
    expect(waiting(stable_for: 3) { answers.empty? || answers.shift }).to be_over
    expect(clock.now).to be >= 4
  end

  it "refuses what makes no sense, at compile time" do
    wait = FlockOfChefs::Recipe::Wait
    { [nil, {}, nil] => /a block says/, [-1, {}, -> {}] => /the pause is a number of seconds/,
      [nil, { timeout: "1" }, -> {}] => /timeout: is a number/, [nil, { on_timeout: :die }, -> {}] => /:fail, :skip/,
      [nil, { until: 1 }, -> {}] => /unknown option :until/ }.each do |(pause, options, block), message|
      expect { wait.parse(:wait_until, pause, options, block, "x:1") }.to raise_error(ArgumentError, message)
    end
  end
end
