# frozen_string_literal: true

require "flock_of_chefs/run/settings"

RSpec.describe FlockOfChefs::Run::Settings do
  before { described_class.reset }

  after do
    described_class.source = nil
    described_class.reset
  end

  def from(&source) = described_class.source = source

  it "reads the resolved configuration once" do
    reads = 0
    from { (reads += 1) && '{"data_dir":"/d","socket":"/s","name":"a","tags":[]}' }
    2.times { expect(described_class.current.to_h).to eq(data_dir: "/d", socket: "/s") }
    expect(reads).to eq 1
  end

  it "names the remedy if there is no configuration, and does not look again" do
    reads = 0
    from { (reads += 1) && raise(FlockOfChefs::ConfigurationError, "/etc/flock/agent.toml does not exist") }
    2.times do
      expect { described_class.current }
        .to raise_error(FlockOfChefs::ConfigurationError,
                        %r{not set up: /etc/flock/agent.toml does not exist. Run `flockctl init`})
    end
    expect(reads).to eq 1
  end

  it "takes a native library that does not load for the same" do
    from { raise LoadError, "no such file: native.so" }
    expect { described_class.current }.to raise_error(FlockOfChefs::ConfigurationError, /native.so/)
  end

  it "refuses a configuration that lacks something" do
    from { '{"data_dir":"/d"}' }
    expect { described_class.current }.to raise_error(FlockOfChefs::ConfigurationError, /key not found: "socket"/)
  end
end
