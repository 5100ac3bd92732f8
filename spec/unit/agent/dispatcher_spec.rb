# frozen_string_literal: true

require "stringio"
require "flock_of_chefs/agent/dispatcher"
require "flock_of_chefs/agent/log"
require "support/fake_native_agent"

RSpec.describe FlockOfChefs::Agent::Dispatcher do
  subject(:dispatcher) { described_class.new(native, supervisor, log: FlockOfChefs::Agent::Log.new(log), pause_s: 0) }

  let(:native) { FakeNativeAgent.new }
  let(:log) { StringIO.new }
  let(:done) { Thread::Queue.new }
  let(:supervisor) do
    Class.new do
      attr_reader :jobs

      def run(event) = (@jobs ||= []) << event["job"]
      def prepare(event) = (@jobs ||= []) << "prepare #{event["generation"]}"
      def retire = (@jobs ||= []) << "retire"
    end.new
  end

  def run_to_end(*events)
    events.each { |event| native.push(event) }
    native.push("type" => "stop")
    dispatcher.start { done.push(true) }
    done.pop
  end

  it "hands jobs over in order until it is told to stop" do
    run_to_end({ "type" => "run", "job" => "a" }, { "type" => "run", "job" => "b" })
    expect([supervisor.jobs, dispatcher.failure]).to eq([%w[a b], nil])
  end

  it "has a warm worker prepared, even while a job runs" do
    prepared = Thread::Queue.new
    supervisor.define_singleton_method(:prepare) { |event| prepared.push(event["generation"]) }
    supervisor.define_singleton_method(:run) { |_| (@jobs ||= []) << prepared.pop }
    run_to_end({ "type" => "run", "job" => "a" }, { "type" => "prepare", "generation" => 7 })
    expect([supervisor.jobs, dispatcher.failure]).to eq([[7], nil])
  end

  it "lets the warm worker go when none is wanted" do
    run_to_end({ "type" => "prepare", "generation" => 7 }, { "type" => "retire" })
    expect(supervisor.jobs).to eq(["prepare 7", "retire"])
  end

  it "ends with an error of a job, as with its own" do
    supervisor.define_singleton_method(:run) { |_| raise TypeError, "broken" }
    run_to_end({ "type" => "run", "job" => "a" })
    expect(dispatcher.failure).to be_a(TypeError)
  end

  it "goes on after an event that it does not know" do
    run_to_end({ "type" => "dance" }, { "type" => "run", "job" => "a" })
    expect([supervisor.jobs, log.string]).to match([["a"], a_string_including("dance")])
  end

  it "goes on after errors, up to a limit" do
    run_to_end(FlockOfChefs::InternalError.new("once"), { "type" => "run", "job" => "a" })
    expect([supervisor.jobs, log.string]).to match([["a"], a_string_including("once")])
  end

  it "gives up after too many errors in a row" do
    run_to_end(*Array.new(described_class::FAILURES) { FlockOfChefs::InternalError.new("again") })
    expect(dispatcher.failure).to be_a(FlockOfChefs::InternalError)
  end

  it "ends quietly when the native agent was stopped first" do
    run_to_end(FlockOfChefs::NotStartedError.new("stopped"))
    expect(dispatcher.failure).to be_nil
  end
end
