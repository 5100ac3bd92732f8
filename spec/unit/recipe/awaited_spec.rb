# frozen_string_literal: true

require "chef"
require "flock_of_chefs"
require "flock_of_chefs/recipe/awaited"
require "flock_of_chefs/recipe/patience"
require "flock_of_chefs/recipe/request"

RSpec.describe FlockOfChefs::Recipe::Awaited do
  # Answers from a table.
  let(:outcomes) do
    Struct.new(:records, :asked) do
      def await(id, seconds)
        asked << [id, seconds]
        records.fetch(id)
      end
    end.new({}, [])
  end

  let(:id) { "0190a000-0000-7000-8000-000000000001" }
  let(:newer) { "0190a000-0000-7000-8000-000000000002" }

  def record(state, peer: "web1", **more)
    { "id" => id, "state" => state, "peer" => peer, "key" => "service[nginx]", "action" => "restart", "code" => "",
      "message" => "" }.merge(more.transform_keys(&:to_s))
  end

  def finish(*records, **options)
    outcomes.records[id] ||= records
    request = FlockOfChefs::Recipe::Request.parse(:restart, "service[nginx]", { node: "web1" }.merge(options))
    patience = FlockOfChefs::Recipe::Patience.new(30, "cb/recipes/default.rb:3")
    described_class.new(id, request, patience, outcomes:).finish
  end

  it "goes on when it is done at all targets" do
    finish(record("done"), record("done", peer: "web2"))
    expect(outcomes.asked).to eq([[id, 30]])
  end

  {
    "failed" => [FlockOfChefs::RemoteError, /web1 ended as failed \(action_failed: exit 1\); mend it .*retry 0190a000/],
    "denied" => [FlockOfChefs::DeniedError, /\[\[allow\]\] in that node's agent\.toml/],
    "expired" => [FlockOfChefs::TimeoutError, /longer ttl:/],
    "undeliverable" => [FlockOfChefs::ResourceNotFoundError, /flockctl resources/],
    "unknown" => [FlockOfChefs::OutcomeUnknownError, /look at the node/]
  }.each do |state, (type, message)|
    it "fails when it ended as #{state}, and says at which target, why and what to do" do
      bad = record(state, code: "action_failed", message: "exit 1")
      expect { finish(record("done", peer: "web2"), bad) }.to raise_error(type) { |error|
        expect([error.message, error.code]).to match([message, "action_failed"])
        expect(error.message).to start_with("restart service[nginx] on web1 ended as #{state}")
      }
    end
  end

  it "says that it goes on when the time is up" do
    expect { finish(record("done"), record("stored", peer: "web2", code: "busy")) }
      .to raise_error(FlockOfChefs::TimeoutError) { |error|
        expect(error.code).to eq("wait_timeout")
        expect(error.message).to include("30 s", "web2: stored busy", "it goes on", "flockctl notifications show #{id}")
      }
  end

  it "fails when no agent has told of it" do
    outcomes.records[id] = []
    expect { finish }.to raise_error(FlockOfChefs::TimeoutError, /no agent has answered/)
  end

  it "names what has failed rather than what has not ended" do
    expect { finish(record("stored"), record("failed", peer: "web2")) }
      .to raise_error(FlockOfChefs::RemoteError, /web2/)
  end

  it "waits for the newer one that took its place at a target" do
    outcomes.records[newer] = [record("done"), record("failed", peer: "web2")]
    finish(record("superseded", message: "by #{newer}"))
    expect(outcomes.asked).to match([[id, 30], [newer, a_value_between(29, 30)]])
    outcomes.records[id] = [record("superseded", peer: "web2", message: "by #{newer}")]
    expect { finish }.to raise_error(FlockOfChefs::RemoteError)
  end

  it "takes nobody there for done only where the recipe wants no more than a warning" do
    nobody = record("undeliverable", peer: "", code: "no_target")
    expect { finish(nobody) }.to raise_error(FlockOfChefs::ResourceNotFoundError)
    expect { finish(nobody, when_none: :warn) }.not_to raise_error
  end
end
