# frozen_string_literal: true

require "flock_of_chefs/run/calls"
require "flock_of_chefs/worker/replay"

RSpec.describe FlockOfChefs::Run::Calls do
  before { described_class.begin_run }

  after do
    described_class.replay = nil
    described_class.begin_run
  end

  # One line, so that run and worker call from the same place.
  def ask(arguments = [], &answer) = described_class.remote("ask", arguments, &answer)

  # As from the snapshot's file.
  def replay
    calls = JSON.parse(JSON.generate(described_class.recorded))
    described_class.replay = FlockOfChefs::Worker::Replay.new(calls)
  end

  it "gives what JSON makes of the answer, in the run as in the worker" do
    in_run = ask([:a]) { { key: :value, list: [1, nil] } }
    replay
    expect([in_run, ask([:a]) { raise "called" }]).to all(eq("key" => "value", "list" => [1, nil]))
  end

  it "records place, name, arguments and answer" do
    ask({ node: "b" }) { 1 }
    expect(described_class.recorded).to match([{ "site" => /\Acalls_spec\.rb:\d+\z/, "name" => "ask",
                                                 "arguments" => { "node" => "b" }, "result" => 1 }])
  end

  it "records nothing once resources are converged" do
    described_class.converge
    expect(ask { 1 }).to eq(1)
    expect(described_class.recorded).to be_empty
  end

  it "records a limited number of calls and bytes, and makes all of them" do
    stub_const("#{described_class}::LIMIT", 2)
    expect(Array.new(3) { |n| ask { n } }).to eq([0, 1, 2])
    expect(described_class.recorded.filter_map { |call| call["result"] }).to eq([0, 1])
    described_class.begin_run
    stub_const("#{described_class}::LIMIT_BYTES", 10)
    ask { "x" * 100 }
    expect(described_class.recorded).to be_empty
  end

  it "begins every run anew" do
    ask { 1 }
    described_class.converge
    described_class.begin_run
    expect(described_class.recorded).to be_empty
    ask { 2 }
    expect(described_class.recorded.size).to eq(1)
  end

  describe "replayed" do
    it "answers repeated calls in their order, and the last answer for all beyond" do
      2.times { |n| ask { n } }
      replay
      expect(Array.new(4) { ask }).to eq([0, 1, 1, 1])
    end

    it "refuses calls beyond the record, and answers those before" do
      stub_const("#{described_class}::LIMIT", 2)
      5.times { |n| ask { n } }
      replay
      expect(Array.new(2) { ask }).to eq([0, 1])
      2.times { expect { ask }.to raise_error(FlockOfChefs::DeniedError, /more calls than are recorded/) }
    end

    it "raises our own errors again, and no class that a file names" do
      expect { ask { raise FlockOfChefs::DeniedError.new("no", code: "policy") } }
        .to raise_error(FlockOfChefs::DeniedError)
      error = { "class" => "Kernel", "message" => "m", "code" => "c" }
      record = FlockOfChefs::Worker::Replay.new([{ "error" => error }])
      expect { record.answer("x", {}) }.to raise_error(FlockOfChefs::Error) { |e| expect(e.code).to eq("c") }
      replay
      expect { ask }.to raise_error(FlockOfChefs::DeniedError, "no") { |e| expect(e.code).to eq("policy") }
    end

    def swallow
      yield
    rescue Exception # rubocop:disable Lint/RescueException -- as a recipe may
      nil
    end

    it "refuses what was not recorded" do
      replay
      expect { ask(["other"]) }.to raise_error(FlockOfChefs::DeniedError, /\Aask at calls_spec\.rb:\d+: the run that/)
      effects = FlockOfChefs::Worker::Effects
      expect { effects.watch { ask(["other"]) } }.to raise_error(FlockOfChefs::Worker::CompileEffect)
      expect { effects.watch { swallow { ask(["x"]) } } }.to raise_error(FlockOfChefs::Worker::CompileEffect)
    ensure
      effects.instance_variable_set(:@first, nil)
    end
  end
end
