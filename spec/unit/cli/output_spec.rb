# frozen_string_literal: true

require "stringio"
require "yaml"
require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Output do
  let(:rows) do
    [{ "name" => "a", "tags" => %w[x y], "created_ms" => 0 },
     { "name" => "web10", "tags" => [], "created_ms" => 1000 }]
  end
  let(:result) { FlockOfChefs::CLI::Result.new(data: rows, columns: %w[name tags created_ms]) }

  def printed(format, result) = StringIO.new.tap { |io| described_class.new(format, io).print(result) }.string

  it "aligns text" do
    expect(printed("text", result)).to eq(<<~TEXT)
      NAME   TAGS  CREATED
      a      x,y   -
      web10  -     1970-01-01T00:00:01Z
    TEXT
  end

  it "prints nothing for no rows" do
    expect(printed("text", FlockOfChefs::CLI::Result.new(data: []))).to eq("")
  end

  it "prints one JSON document, also for no rows" do
    expect(JSON.parse(printed("json", result))).to eq(rows)
    expect(printed("json", FlockOfChefs::CLI::Result.new(data: []))).to eq("[]\n")
  end

  it "prints a JSON document per row" do
    expect(printed("jsonl", result).lines.map { |line| JSON.parse(line) }).to eq(rows)
  end

  it "prints names" do
    expect(printed("names", result)).to eq("a\nweb10\n")
  end

  it "prints YAML of the same" do
    expect(YAML.safe_load(printed("yaml", result))).to eq(rows)
    odd = FlockOfChefs::CLI::Result.new(data: { "a" => :b, "long" => "x " * 100 })
    expect(YAML.safe_load(printed("yaml", odd))).to eq("a" => "b", "long" => "x " * 100)
  end

  it "prints rows that have no name by any of it as they are" do
    expect(printed("names", FlockOfChefs::CLI::Result.new(data: [3, { "x" => 1 }], name: nil))).to eq("3\n{\"x\":1}\n")
  end

  it "leaves out of the names what has none, so that a pipe reads names only" do
    rows = [{ "id" => "1" }, { "node" => "b", "message" => "away" }]
    expect(printed("names", FlockOfChefs::CLI::Result.new(data: rows, name: "id"))).to eq("1\n")
  end

  it "prints a hash as pairs" do
    result = FlockOfChefs::CLI::Result.new(data: { "agent" => { "pid" => 7 }, "run_ms" => 12 })
    expect(printed("text", result)).to eq("agent.pid: 7\nrun_ms:    12 ms\n")
  end
end
