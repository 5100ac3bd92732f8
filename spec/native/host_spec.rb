# frozen_string_literal: true

require "flock_of_chefs"
require "json"
require "tmpdir"

RSpec.describe "FlockOfChefs::Native::Host" do
  def host(socket = "/nonexistent/agent.sock") = FlockOfChefs::Native::Host.new(socket)

  it "says that no agent is there, and may be asked again" do
    lonely = host
    2.times do
      expect { lonely.connect("{}", 1_000) }
        .to raise_error(an_instance_of(FlockOfChefs::ConnectionError).and(having_attributes(code: "no_agent")))
    end
  end

  it "wants to be connected first" do
    expect { host.next_call(1) }.to raise_error(FlockOfChefs::NotStartedError, /call #connect first/)
    expect { host.reply(1, "{}") }.to raise_error(FlockOfChefs::NotStartedError)
    expect { host.changed("a") }.to raise_error(FlockOfChefs::NotStartedError)
  end

  it "refuses a hello that is none" do
    expect { host.connect('{"colour": "red"}', 1_000) }
      .to raise_error(FlockOfChefs::ConfigurationError, /a host's hello/)
  end
end
