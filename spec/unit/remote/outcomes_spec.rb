# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"

RSpec.describe FlockOfChefs::Remote::Outcomes do
  # Time that only sleeping and asking moves.
  let(:clock) { Struct.new(:now, :slept).new(0.0, []) }

  # An agent that answers from a list: [seconds it took, records] or an error.
  let(:client) do
    Class.new do
      attr_reader :asked

      def initialize(clock, answers)
        @clock = clock
        @answers = answers
        @asked = []
      end

      def call(operation, body, timeout_ms:)
        @asked << [operation, body, timeout_ms]
        seconds, records = @answers.size > 1 ? @answers.shift : @answers.first
        raise seconds if seconds.is_a?(Exception)

        @clock.now += [seconds, body[:timeout_ms] / 1000.0].min
        { "records" => records }
      end
    end.new(clock, answers)
  end

  let(:lines) { [] }
  let(:done) { [{ "peer" => "a", "state" => "done" }] }
  let(:stored) { [{ "peer" => "a", "state" => "stored", "code" => "busy" }] }

  def await(seconds, **options)
    sleeper = lambda do |pause|
      clock.slept << pause
      clock.now += pause
    end
    described_class.new(client:, clock: -> { clock.now }, sleeper:, **options) { |line| lines << line }
                   .await("id", seconds)
  end

  describe "what ends in time" do
    let(:answers) { [[2, done]] }

    it "is told at once" do
      expect(await(600, waiter: { id: "w" })).to eq(done)
      asked = { id: "id", timeout_ms: 30_000, waiter: { id: "w" } }
      expect(client.asked).to match([["await", asked, a_value > 30_000]])
      expect(clock.now).to eq(2)
    end
  end

  describe "what somebody watches" do
    let(:answers) { [[100, stored], [100, stored], [0.5, done]] }

    it "is asked for as often as that, and shown each time" do
      seen = []
      expect(await(600, every_s: 1, watch: ->(records) { seen << records.first["state"] })).to eq(done)
      expect([client.asked.map { |_, body, _| body[:timeout_ms] }, seen]).to eq([[1000] * 3, %w[stored stored done]])
    end
  end

  describe "what takes long" do
    let(:answers) { [[100, stored]] }

    it "is asked for in slices, with a line after each, and never beyond its time" do
      expect(await(70, waiter: { id: "w" })).to eq(stored)
      expect(client.asked.last.first(2)).to eq(["observe", { topics: [], timeout_ms: 0, waiter: { id: "w" } }])
      expect(clock.now).to be_within(0.1).of(70)
      expect(lines).to match([/notification id .* 30 s \(a: stored busy\); 40 s are left/, /60 s .* 10 s are left/])
    end
  end

  describe "an agent that is away, and then has not taken it in from the spool yet" do
    let(:answers) do
      [[FlockOfChefs::ConnectionError.new("no agent")],
       [FlockOfChefs::ResourceNotFoundError.new("no such", code: "no_such_notification")], [0, stored], [1, done]]
    end

    it "is waited for" do
      expect(await(60)).to eq(done)
      expect(clock.slept).to eq([1, 1, 1])
    end
  end

  describe "an agent that stays away" do
    let(:answers) { [[FlockOfChefs::ConnectionError.new("no agent")]] }

    it "leaves nothing to tell when the time is up" do
      expect(await(31)).to eq([])
      expect(clock.now).to be_within(0.1).of(31)
      expect(lines).to match([/does not know of it yet/])
    end
  end

  describe "a circle" do
    let(:answers) { [[FlockOfChefs::RejectedError.new("wait for one another", code: "wait_cycle")]] }

    it "is an error at once" do
      expect { await(60) }.to raise_error(FlockOfChefs::RejectedError, /one another/)
      expect(clock.slept).to eq([])
    end
  end
end
