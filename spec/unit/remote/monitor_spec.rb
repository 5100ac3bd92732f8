# frozen_string_literal: true

require "flock_of_chefs"
require "flock_of_chefs/remote"
require "timeout"

RSpec.describe FlockOfChefs::Remote::Monitor do
  around { |example| Timeout.timeout(30) { example.run } }

  # An agent that says what is pushed, when the question before it has been answered.
  let(:versions) { Thread::Queue.new }
  let(:asked) { Thread::Queue.new }
  let(:heard) { Thread::Queue.new }
  let(:calls) { FlockOfChefs::Remote::Calls.new(client) }
  let(:client) do
    versions = self.versions
    asked = self.asked
    Object.new.tap do |client|
      client.define_singleton_method(:call) do |_operation, body, **|
        asked.push(body[:topics].first)
        said = versions.pop
        raise said if said.is_a?(Exception)

        { "changed" => said ? [{ "version" => said }] : [] }
      end
    end
  end

  after { @monitors&.each(&:stop) }

  def monitor(api = nil)
    described_class.new("bender", api, calls:) { |event| heard.push(event) }.tap { |one| (@monitors ||= []) << one }
  end

  def hear(count) = Array.new(count) { heard.pop }.map { |event| [event.state, event.reason].compact }

  it "tells how an API is at first, and when it goes, comes, or is replaced" do
    monitor = monitor("human_api")
    ["absent", "m1.0", "m1.3", nil, "m2.0", "", "m2.0"].each { |version| versions.push(version) }
    expect(hear(6)).to eq([%i[down api_down], [:up], %i[down restarted], [:up], %i[down node_down], [:up]])
    expect(asked.pop).to include(node: "bender", name: "api:human_api", version: "?")
    expect(asked.pop).to include(version: "absent")
    monitor.stop
    expect(monitor).not_to be_alive
  end

  it "watches a node by its agent" do
    monitor
    versions.push("")
    expect(heard.pop).to have_attributes(node: "bender", api: nil, down?: true)
    expect(asked.pop).to include(name: "agent")
  end

  it "waits for its own agent to come back, and ends with a refusal" do
    stub_const("#{described_class}::PAUSE_S", 0)
    monitor = monitor("human_api")
    [FlockOfChefs::ConnectionError.new("gone"), "m1.0", FlockOfChefs::DeniedError.new("not yours")]
      .each { |said| versions.push(said) }
    expect(hear(1)).to eq([[:up]])
    sleep 0.01 while monitor.alive?
    expect(monitor.error).to be_a(FlockOfChefs::DeniedError)
  end

  it "refuses more than so many, and counts those that have ended no more" do
    stub_const("#{described_class}::LIMIT", 2)
    monitors = [monitor, monitor]
    expect { monitor }.to raise_error(FlockOfChefs::RejectedError)
    monitors.each(&:stop)
    monitor.stop
  end

  it "wants a block" do
    expect { described_class.new("bender", calls:) }.to raise_error(ArgumentError)
  end
end
