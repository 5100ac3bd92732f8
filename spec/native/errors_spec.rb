# frozen_string_literal: true

RSpec.describe "errors of the native extension" do
  native = FlockOfChefs::Native

  it "are the library's own classes, with their code" do
    expect { native.config("/nonexistent/agent.toml") }.to raise_error(FlockOfChefs::ConfigurationError) { |error|
      expect([error.code.empty?, error.retryable?]).to eq([false, false])
    }
  end

  it "say what an argument lacks" do
    expect { native::Client.new("{}") }.to raise_error(FlockOfChefs::ConfigurationError, /"socket"/)
    expect { native::Client.new("no JSON") }.to raise_error(FlockOfChefs::ConfigurationError, /not JSON/)
  end

  it "come before start and after stop" do
    expect { native::Agent.new(nil).next_event(1) }.to raise_error(FlockOfChefs::NotStartedError, /start/)
  end

  it "name every class that the extension may raise" do
    source = File.read(File.expand_path("../../ext/flock_of_chefs/src/guard.rs", __dir__))
    names = source.scan(/=> "(\w+Error)"/).flatten
    public_errors = FlockOfChefs::Error.subclasses.filter_map { |error| error.name[/\AFlockOfChefs::(\w+)\z/, 1] }
    expect(names).to match_array(public_errors)
  end

  it "makes ids that are UUIDv7, in order" do
    ids = Array.new(1000) { native.new_id }
    expect(ids).to all(match(/\A\h{8}-\h{4}-7\h{3}-[89ab]\h{3}-\h{12}\z/)).and eq(ids.uniq.sort)
  end
end
