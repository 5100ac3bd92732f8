# frozen_string_literal: true

require "digest"
require "json"
require_relative "../../support/fleet/context"

RSpec.describe "what the agent keeps" do
  include_context "with a fleet"

  # Where SQLite keeps user_version: 4 bytes, the highest first.
  def user_version=(version)
    File.open(@node.path("data/state.db"), "r+b") do |file|
      file.seek(60)
      file.write([version].pack("N"))
    end
  end

  def contents
    Dir[@node.path("data/{state,registry}.db")].to_h { |file| [File.basename(file), Digest::SHA256.file(file).hexdigest] }
  end

  it "is all there after a restart" do
    hub = fleet.hub("hub0")
    member = fleet.join("node1")
    member.converge!(appending)
    hub.flockctl!("notify", "node1", "execute[mark]", "run", "--wait", "2m")
    hub.flockctl("notify", "node1", "execute[mark]", "delete", "--wait", "2m")
    hub.settled(count: 2)
    before = hub.notifications
    [hub, member].each(&:kill9).each(&:start)

    expect(hub.notifications).to eq(before)
    expect(before.map { |sent| sent["state"] }).to contain_exactly("done", "denied")
    expect(member.flockctl!("resources", "--format", "names")).to eq("execute[mark]\n")
    eventually("both are back") do
      JSON.parse(hub.flockctl!("nodes", "--format", "json")).map { |node| node.values_at("name", "presence") } ==
        [%w[hub0 alive], %w[node1 alive]]
    end
    expect(fired).to eq(["mark"])
  end

  it "is left untouched by an older version" do
    @node = fleet.hub("hub0").stop
    expect(Dir[@node.path("data/state.db-wal")]).to eq([])
    self.user_version = 999
    before = contents

    expect(@node.flockctl("agent")).to have_attributes(
      exit_code: 1, out: "", err: match(/\Aflockctl: .*state.db.*999.*newer.*\n\z/)
    )
    expect(contents).to eq(before)
  end

  it "is not opened when it is damaged, and how to go on is said" do
    @node = fleet.hub("hub0").stop
    File.write(@node.path("data/state.db"), "no database at all".ljust(8192, "."))
    before = contents

    expect(@node.flockctl("agent")).to have_attributes(
      exit_code: 1, err: match(/\Aflockctl: the store .*state.db is damaged: .*put a backup back .*restore FILE.*\n\z/)
    )
    expect(contents).to eq(before)
  end

  it "is not opened when the registry is damaged" do
    @node = fleet.hub("hub0").stop
    File.write(@node.path("data/registry.db"), "no database at all".ljust(8192, "."))
    expect(@node.flockctl("agent")).to have_attributes(
      exit_code: 1, err: match(/\Aflockctl: the store .*registry.db is damaged: .*\n\z/)
    )
  end

  it "is closed to other users" do
    @node = fleet.hub("hub0")
    @node.converge!(appending + sending("hub0"))
    @node.settled(count: 1)
    open = Dir[@node.path("data/{**/*,.**/*}"), @node.path("data")].select do |file|
      File.stat(file).mode.anybits?(0o077) && !file.include?("/cookbooks/") && !file.include?("/snapshots/files/")
    end
    expect(open).to eq([])
    expect(File.stat(@node.path("agent.sock")).mode & 0o777).to eq(0o600)
  end
end
