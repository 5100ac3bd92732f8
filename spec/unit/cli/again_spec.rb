# frozen_string_literal: true

require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Again do
  def line(command, options, nodes)
    described_class.line(FlockOfChefs::CLI.commands.fetch(command), options, nodes)
  end

  def hints(**result)
    described_class.hints(FlockOfChefs::CLI::Commands::Call, {}, FlockOfChefs::CLI::Result.new(data: [], **result))
  end

  it "is the same command for those that are left" do
    options = { node: nil, api: "cache", method: "flush", arguments: ["a b", "it's"], role: ["web"], timeout: "5m",
                async: true, batch: "10%" }
    expect(line("call", options, %w[web1 web2]))
      .to eq("flockctl call --select node:web1,web2 --timeout 5m --async --batch 10% cache flush 'a b' 'it'\\''s'")
  end

  it "leaves out what chose the nodes, how it is printed, and defaults" do
    options = { nodes: %w[a b], for: "succeeded", select: "role:x", format: "json", why_run: false, dry_run: true }
    expect(line("wait", options, ["a"])).to eq("flockctl wait --select node:a --for succeeded")
    expect(line("run-chef", options, ["a"])).to eq("flockctl run-chef --select node:a")
  end

  it "is not longer than people read" do
    expect(hints(failed: (1..101).map(&:to_s))).to eq(["101 nodes are left; -F jsonl names them"])
    expect(hints(look: (1..30).map(&:to_s))).to have_attributes(size: 22, last: "  … and 10 more")
  end

  it "keeps what looks like an option apart" do
    options = { api: "a", method: "add", arguments: ["-1"] }
    expect(line("call", options, ["a"])).to eq("flockctl call --select node:a -- a add -1")
  end

  it "tells where to look for those that may have done it, before what is to be done again" do
    hints = hints(failed: ["a"], look: ["flockctl notifications show 1"], again: { timeout: "2" })
    expect(hints).to match([/not known.*look/, "  flockctl notifications show 1", "again for the 1 that are left:",
                            "  flockctl call --select node:a --timeout 2"])
  end

  it "is knife's in knife" do
    FlockOfChefs::CLI::Called.by("knife flock", { config: :flock_config })
    expect(line("run-chef", { config: "/x", max_errors: "1" }, ["a"]))
      .to eq("knife flock run chef --select node:a --flock-config /x --max-errors 1")
  ensure
    FlockOfChefs::CLI::Called.by("flockctl")
  end
end
