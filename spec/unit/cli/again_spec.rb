# frozen_string_literal: true

require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Again do
  def line(command, options, nodes)
    described_class.line("flockctl #{command}", FlockOfChefs::CLI.commands.fetch(command), options, nodes)
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
    hint = described_class.hint("flockctl call", FlockOfChefs::CLI::Commands::Call, {}, (1..101).map(&:to_s))
    expect(hint).to eq("101 nodes are left; -F jsonl names them")
  end
end
