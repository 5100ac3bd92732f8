# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "a node that leaves its flock" do
  include_context "with a fleet"

  def nodes(hub) = hub.flockctl!("nodes", "--format", "names").split

  before do
    @hub = fleet.hub("hub0")
    @node = fleet.join("node1")
    eventually("it is there") { nodes(@hub) == %w[hub0 node1] }
  end

  it "is asked first, goes everywhere, and comes back with a token only" do
    expect(@node.flockctl("leave")).to have_attributes(exit_code: 1, err: /add --yes/)
    expect(@hub.flockctl("leave", "--yes")).to have_attributes(exit_code: 2, err: /only hub.*node1.*node remove/)
    @node.flockctl!("notify", "away", "execute[mark]", "run")
    refused = @node.flockctl("leave", "--yes")
    expect(refused).to have_attributes(exit_code: 2, err: /1 notifications .* run of execute\[mark\] on away.*--force/)
    expect(nodes(@hub)).to eq(%w[hub0 node1])

    left = @node.flockctl("leave", "--yes", "--force")
    expect(left).to have_attributes(exit_code: 0, out: /\Anode1 left the flock /, err: /join STRING --replace/)
    @node.ended
    expect(@node.status.exitstatus).to eq(0)
    expect(nodes(@hub)).to eq(%w[hub0])
    expect(Dir.children(@node.path("data"))).to include(/\Aleft-\d+\z/)
    expect(Dir.children(@node.path("data"))).not_to include("identity", "state.db", "directory.json")
    expect(@node.flockctl("agent")).to have_attributes(exit_code: 1, err: /in no flock.*flockctl join/)
    expect(@node.flockctl("join", fleet.token)).to have_attributes(exit_code: 7, err: /--replace/)
    @node.flockctl!("join", fleet.token, "--replace")
    @node.start
    eventually("it is back") { nodes(@hub) == %w[hub0 node1] }
    expect(@node.notifications).to eq([])
  end

  it "goes by itself when no hub answers, and says what remains" do
    @hub.stop
    left = @node.flockctl("leave", "--yes")
    expect(left).to have_attributes(exit_code: 0, err: /No hub was told.*flockctl node remove node1/)
    @node.ended
    @hub.start
    eventually("the hub knows it still") { nodes(@hub).include?("node1") }
    @hub.flockctl!("node", "remove", "node1")
    expect(nodes(@hub)).to eq(%w[hub0])
  end

  it "goes without its agent, too" do
    @node.stop
    expect(@node.flockctl("leave", "--yes")).to have_attributes(exit_code: 0, err: /no agent runs here.*node remove/)
    expect(@node.flockctl("leave", "--yes")).to have_attributes(exit_code: 1, err: /in no flock/)
    @hub.flockctl!("node", "remove", "node1")
    expect(@hub.flockctl("leave", "--yes")).to have_attributes(exit_code: 0)
  end
end
