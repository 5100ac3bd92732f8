# frozen_string_literal: true

require "stringio"
require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Terminal do
  # A terminal of that many columns.
  def tty(columns)
    StringIO.new.tap do |io|
      io.define_singleton_method(:tty?) { true }
      io.define_singleton_method(:winsize) { [24, columns] }
    end
  end

  def terminal(io, **env) = FlockOfChefs::CLI::Terminal.new(io, env.transform_keys(&:to_s))

  it "is none where it is a pipe" do
    pipe = terminal(StringIO.new)
    expect([pipe.tty?, pipe.width, pipe.colour?, pipe.paint("failed")]).to eq([false, nil, false, "failed"])
  end

  it "has colours unless somebody wants none" do
    expect(terminal(tty(80)).paint("failed ")).to eq("\e[31mfailed \e[0m")
    expect(terminal(tty(80)).paint("whatever")).to eq("whatever")
    expect(terminal(tty(80), NO_COLOR: "1").paint("failed")).to eq("failed")
    expect(terminal(tty(80), TERM: "dumb").paint("failed")).to eq("failed")
    expect(terminal(tty(80), NO_COLOR: "").colour?).to be(true)
  end

  it "has a width also where it does not say it" do
    expect([terminal(tty(0)).width, terminal(tty(132)).width]).to eq([80, 132])
  end

  describe FlockOfChefs::CLI::Table do
    let(:rows) { [{ "name" => "web1", "state" => "failed", "message" => "m" * 100, "tags" => %w[a b] }] }

    def table(terminal) = described_class.new(rows, %w[name state message tags], terminal).lines

    it "shortens the widest column until a line fits" do
      lines = table(terminal(tty(40), NO_COLOR: "1"))
      expect(lines.map(&:length).max).to be <= 40
      expect(lines.last).to match(/\Aweb1  failed  m+…  a,b\z/)
    end

    it "shortens nothing in a pipe" do
      expect(table(terminal(StringIO.new)).last).to eq("web1  failed  #{"m" * 100}  a,b")
    end

    it "colours states and nothing else, and keeps columns aligned" do
      heading, line = table(terminal(tty(200)))
      expect(line).to include("\e[31mfailed\e[0m").and start_with("web1")
      expect(line.gsub(/\e\[\d+m/, "").index("m")).to eq(heading.index("MESSAGE"))
    end

    it "prints what others wrote without its control characters" do
      rows[0]["message"] = "a\e[2Jb\nc"
      expect(table(terminal(tty(200))).last).to include('a\e[2Jb c')
    end
  end
end
