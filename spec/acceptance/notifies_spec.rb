# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/recipes"

RSpec.describe "remote_notifies between two real nodes", :acceptance do
  include_context "with a flock"

  describe "the README's recipe, verbatim", :readme do
    it "fires exactly once on change and not on an unchanged second run" do
      bender0 = fleet.hub("bender0")
      bender1 = fleet.join("bender1")
      bender1.converge!(appending("kill all humans"))
      recipe = Recipes.rooted("readme_notification", fleet.dir)

      bender0.converge!(recipe)
      expect(bender0.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
      expect(fired).to eq(["kill all humans"])
      expect(bender1.snapshot["chef_version"]).to eq(Gem.loaded_specs.fetch("chef").version.to_s)

      bender0.converge!(recipe)
      expect(bender0.settled.length).to eq(1)
      expect(fired).to eq(["kill all humans"])
    end
  end

  describe "the slides' recipe, verbatim" do
    it "creates the file that only its notification may create" do
      node1 = fleet.hub("node1")
      node2 = fleet.join("node2")
      node2.converge!("file '#{fleet.dir}/test_file' do\n  action :nothing\n  content 'test'\nend\n")
      expect(File).not_to exist("#{fleet.dir}/test_file")

      node1.converge!(Recipes.rooted("slides_notification", fleet.dir))

      expect(node1.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
      expect(File.read("#{fleet.dir}/test_file")).to eq("test")
    end
  end

  it "runs a node's own notifications to itself after the converge (trap 17)" do
    node = fleet.hub("solo")
    node.converge!(appending("mark") + sending('node: "solo"'))
    expect(node.settled(count: 1).first["state"]).to eq("done")
    expect(fired).to eq(["mark"])
  end

  it "lets two runs end that notify each other immediately while both hold Chef's lock (trap 1)" do
    nodes = [fleet.hub("ping"), fleet.join("pong")]
    runs = nodes.zip(nodes.reverse).map do |node, peer|
      hold(node, appending("mark", node.name) + sending("node: '#{peer.name}'", file: "from_#{node.name}") +
                 gate(node.path("gate")))
    end
    nodes.each { |node| stored_at_target(node) }
    expect(fired).to eq([])

    nodes.each { |node| File.write(node.path("gate"), "go") }
    expect(runs.map(&:value)).to all(be_success)
    expect(nodes.map { |node| node.settled(count: 1).first["state"] }).to eq(%w[done done])
    expect(fired).to match_array(%w[ping pong])
  end

  it "stops a loop of two nodes that notify each other" do
    hub = fleet.hub("ping")
    other = fleet.join("pong")
    [[hub, "pong"], [other, "ping"]].each do |node, peer|
      node.converge!(<<~RUBY)
        execute 'mark' do
          command "echo #{node.name} >> #{oracle}"
          action :nothing
          remote_notifies :run, 'execute[mark]', :immediately, node: '#{peer}'
        end
      RUBY
    end
    hub.flockctl!("notify", "pong", "execute[mark]", "run", "--wait", "60")
    Fleet.eventually("the loop is denied") do
      (hub.notifications + other.notifications).any? { |sent| sent["code"] == "loop" }
    end
    expect(fired).to eq(%w[pong ping])
  end

  it "neither fails nor loses anything while the sender's own agent is down" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark"))
    hub.stop
    hub.converge!(sending('node: "node1"'))
    expect(Dir[hub.path("data/spool/new/*.json")].length).to eq(1)

    hub.start
    hub.settled(count: 1)
    expect(fired).to eq(["mark"])
    expect(Dir[hub.path("data/spool/new/*.json")]).to eq([])
  end
end
