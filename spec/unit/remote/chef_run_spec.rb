# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"

RSpec.describe FlockOfChefs::Remote::ChefRun do
  # An agent that knows one run, which ends after a number of changes; and the questions for changes that it heard.
  let(:client) do
    Class.new do
      attr_reader :asked

      attr_accessor :error

      def initialize(changes)
        @changes = changes
        @asked = []
      end

      def invoke(_request, _arguments, timeout_ms:) # rubocop:disable Lint/UnusedMethodArgument
        raise error if error

        state = @asked.size < @changes ? "queued" : "succeeded"
        { "result" => JSON.generate("id" => "1", "state" => state), "topic" => "run", "version" => "v",
          "polled" => false }
      end

      def call(operation, body, timeout_ms:)
        @asked << [operation, body[:timeout_ms], timeout_ms]
        { "changed" => [] }
      end
    end.new(2)
  end
  let(:run) { described_class.new(FlockOfChefs["bender0"][:flock_api], { "id" => "1", "state" => "queued" }) }

  before { FlockOfChefs::Remote::Calls.current = FlockOfChefs::Remote::Calls.new(client) }
  after { FlockOfChefs::Remote::Calls.current = nil }

  it "may be waited for longer than an agent holds one question" do
    expect(run.wait(7_200).state).to eq("succeeded")
    expect(client.asked.size).to eq(2)
    expect(client.asked).to all(match(["observe", a_value <= 3_600_000, a_value <= 3_700_000]))
  end

  it "does not know how it ends once its node knows nothing of it, and waits no longer" do
    client.error = FlockOfChefs::ResourceNotFoundError.new("no Chef run 1", code: "no_such_run")
    [-> { run.wait(7_200) }, -> { run.state }].each do |asking|
      expect(&asking).to raise_error(FlockOfChefs::OutcomeUnknownError, /run 1 of bender0 .* restarted since/)
    end
    client.error = FlockOfChefs::ResourceNotFoundError.new("no such API", code: "no_api")
    expect { run.state }.to raise_error(FlockOfChefs::ResourceNotFoundError, "no such API")
  end

  it "says when it has not ended in time that it goes on" do
    expect { run.wait(0) }.to raise_error(FlockOfChefs::TimeoutError, /still queued; it goes on/)
  end
end
