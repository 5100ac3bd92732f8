# frozen_string_literal: true

require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Value do
  { "90" => 90_000, 5 => 5_000, "250ms" => 250, "15m" => 900_000, "24h" => 86_400_000, "7d" => 604_800_000, nil => nil }
    .each do |text, ms|
    it("reads #{text.inspect}") { expect(described_class.duration_ms(text, "--ttl")).to eq(ms) }
  end

  ["", "-1", "1.5h", "soon", "1 h"].each do |text|
    it "refuses #{text.inspect} and says what it wants" do
      expect { described_class.duration_ms(text, "--ttl") }
        .to raise_error(FlockOfChefs::ConfigurationError, /--ttl.*15m/)
    end
  end

  it "counts from one" do
    expect(described_class.count("20", "--uses")).to eq(20)
    expect { described_class.count("0", "--uses") }.to raise_error(FlockOfChefs::ConfigurationError, /--uses/)
  end
end
