# frozen_string_literal: true

require "stringio"
require "flock_of_chefs/agent/log"

RSpec.describe FlockOfChefs::Agent::Log do
  def written(level)
    io = StringIO.new
    log = described_class.new(io)
    log.level = level
    log.info("little")
    log.warn("much")
    io.string.lines.map { |line| line.split.last }
  end

  it "writes what its level lets through" do
    expect(%w[error warn info trace].to_h { |level| [level, written(level)] })
      .to eq("error" => [], "warn" => ["much"], "info" => %w[little much], "trace" => %w[little much])
  end
end
