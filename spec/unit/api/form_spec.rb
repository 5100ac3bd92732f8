# frozen_string_literal: true

require "flock_of_chefs"

RSpec.describe FlockOfChefs::Api do
  before { FlockOfChefs::Api::Registry.clear }
  after { FlockOfChefs::Api::Registry.clear }

  # @param name [String] of the class
  def api(name, &body)
    stub_const(name, Class.new).tap do |found|
      found.include(described_class)
      found.class_eval(&body) if body
    end
  end

  it "names an API by its class unless it is named" do
    names = %w[HumanApi Bender::HTTPApi V2Things].map { |name| api(name).api_name }
    expect(names).to eq(%w[human_api http_api v2_things])
    expect(api("Other") { api_name :humans }.api_name).to eq("humans")
  end

  it "notes an API that exposes something, and nothing of one that does not" do
    api("Silent")
    api("Loud") { expose :shout }
    entry = FlockOfChefs::Api::Registry.entries.first
    expect(FlockOfChefs::Api::Registry.entries.size).to eq(1)
    expect([entry.api, entry.file, entry.actor?]).to eq(["loud", __FILE__, false])
  end

  it "notes a class that is loaded again once" do
    2.times { api("Loud") { expose :shout } }
    expect(FlockOfChefs::Api::Registry.entries.size).to eq(1)
  end

  it "has limits within which calls come" do
    loud = api("Loud")
    expect([loud.concurrency, loud.queue]).to eq([1, 64])
    loud.concurrency(4)
    loud.queue(5)
    expect([loud.concurrency, loud.queue]).to eq([4, 5])
  end

  [[:concurrency, 0], [:concurrency, 65], [:queue, "5"], [:queue, 10_001]].each do |word, value|
    it "refuses #{word} #{value.inspect}" do
      expect { api("Loud").public_send(word, value) }
        .to raise_error(FlockOfChefs::ConfigurationError, /#{word} is #{value.inspect}; it is a number from 1/)
    end
  end

  it "refuses what is no name and what is no type" do
    loud = api("Loud")
    expect do
      loud.expose("rm -rf")
    end.to raise_error(FlockOfChefs::ConfigurationError, /"rm -rf" is no name for a method/)
    expect { loud.api_name("a.b") }.to raise_error(FlockOfChefs::ConfigurationError, /no name for an API/)
    expect { loud.expose(:shout, schema: { word: "text" }) }
      .to raise_error(FlockOfChefs::ConfigurationError, /word has the type "text"; types are string, integer/)
  end

  it "has a caller and a deadline within a call only" do
    call = FlockOfChefs::Api::Call.new("bender2", 50_000)
    expect(call.run { [described_class.caller, described_class.deadline.round] }).to eq(["bender2", 50])
    call.cancel
    expect(call.run { described_class.deadline }).to eq(0.0)
    expect([described_class.caller, described_class.deadline]).to eq([nil, nil])
  end

  describe FlockOfChefs::Api::Schema do
    subject(:schema) { described_class.new({ planet: "string", limit: "integer?", exact: "boolean?" }) }

    it "admits arguments of its types, and leaves out what may be nil" do
      [["Earth"], ["Earth", 3], ["Earth", nil, true]].each { |values| schema.check(values, "a.b") }
      expect(schema.to_json).to eq('{"planet":"string","limit":"integer?","exact":"boolean?"}')
    end

    { [] => /planet is to be string, not NilClass/, [3] => /planet is to be string, not Integer/,
      ["Earth", 1.5] => /limit is to be integer\?, not Float/, ["Earth", 1, true, 4] => /a.b takes .*not 4 arguments/ }
      .each do |values, message|
      it "refuses #{values}" do
        expect { schema.check(values, "a.b") }
          .to raise_error(an_instance_of(FlockOfChefs::ProtocolError).and(having_attributes(code: "bad_arguments",
                                                                                            message:)))
      end
    end
  end
end
