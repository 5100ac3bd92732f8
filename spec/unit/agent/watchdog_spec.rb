# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/agent/watchdog"

RSpec.describe FlockOfChefs::Agent::Watchdog do
  # Answers as the script says, and is stopped after that.
  let(:native) do
    Class.new do
      attr_reader :asked

      def initialize(*answers)
        @answers = answers
        @asked = []
      end

      def call(*arguments)
        @asked << arguments
        answer = @answers.shift or raise FlockOfChefs::NotStartedError, "stopped"
        answer.is_a?(Exception) ? raise(answer) : answer
      end
    end.new("{}", FlockOfChefs::TimeoutError.new("alive was not answered within 1 ms"), "{}")
  end
  let(:log) { Struct.new(:lines) { def warn(line) = lines << line }.new([]) }

  def start(**env) = described_class.start(native, log:, env: env.transform_keys(&:to_s))

  it "asks the native agent several times a period until that is stopped, and says when it was silent" do
    start(WATCHDOG_USEC: "3000", WATCHDOG_PID: Process.pid.to_s).join
    expect(native.asked).to eq([["alive", "{}", 1]] * 4)
    expect(log.lines).to eq(["the service manager is not told that the agent lives: " \
                             "alive was not answered within 1 ms"])
  end

  it "does nothing where nobody listens to this process" do
    [{}, { WATCHDOG_USEC: "0" }, { WATCHDOG_USEC: "x" }, { WATCHDOG_USEC: "3000", WATCHDOG_PID: "1" }].each do |env|
      expect(start(**env)).to be_nil
    end
    expect(native.asked).to eq([])
  end
end
