# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/recipes"

RSpec.describe "remote_subscribes between two real nodes", :acceptance do
  include_context "with a flock"

  # What is declared is known where it must be: the source's agent, which decides, and the subscriber's.
  def subscribed(subscriber, source, count: 1)
    Fleet.eventually("#{source.name} knows #{count} subscriptions of #{subscriber.name}") do
      source.subscriptions("in").count { |record| record["subscriber"] == subscriber.name } == count
    end
    Fleet.eventually("the subscriptions of #{subscriber.name} are armed") do
      own = subscriber.subscriptions("out")
      own.length == count && own.all? { |record| record["state"] == "armed" }
    end
  end

  # Resources that append their name to the oracle, but only when something happens on another node.
  def subscribing(*names, to: "file[#{fleet.dir}/trigger]", options: "node: 'source'")
    names.map { |name| appending(name).sub("action :nothing", "\\0\nremote_subscribes :run, '#{to}', #{options}") }.join
  end

  def changing(content = rand) = "file('#{fleet.dir}/trigger') { content '#{content}' }\n"

  # Two nodes, of which the second subscribes; a hub besides where that is to be neither.
  def pair(hub: "source", **options)
    names = [hub, *(%w[source target] - [hub])]
    nodes = names.to_h do |name|
      [name, name == hub ? fleet.hub(name) : fleet.join(name, **options.fetch(name.to_sym, {}))]
    end
    nodes.values_at("source", "target", hub)
  end

  def states(node, count) = node.settled(count: count).map { |sent| sent["state"] }

  describe "the README's recipe, verbatim", :readme do
    it "fires when the other node's resource is updated, and not on its unchanged next run" do
      bender0 = fleet.hub("bender0")
      bender1 = fleet.join("bender1")
      bender1.converge!(Recipes.rooted("readme_subscription", fleet.dir))
      subscribed(bender1, bender0)
      made = "#{fleet.dir}/fubar"
      kill = lambda do |flag|
        "execute('kill all humans') { command 'touch #{fleet.dir}/#{flag}'; creates '#{fleet.dir}/#{flag}' }\n"
      end
      expect(File).not_to exist(made)

      bender0.converge!(kill.call("killed"))
      expect(bender0.settled(count: 1)).to match [include("state" => "done", "peer" => "bender1", "action" => "create",
                                                          "key" => "file[#{made}]")]
      expect(File.read(made)).to eq("foobar")

      File.unlink(made)
      bender0.converge!(kill.call("killed"))
      expect(File).not_to exist(made)
      # Runs are read in their order: had the unchanged one fired, there would be three now.
      bender0.converge!(kill.call("killed_again"))
      expect(states(bender0, 2)).to eq(%w[done done])
      expect(File.read(made)).to eq("foobar")
    end
  end

  describe "the slides' recipe, verbatim" do
    it "fires in the other direction, too: the hub subscribes to a member" do
      node2 = fleet.hub("node2")
      node1 = fleet.join("node1")
      node2.converge!(Recipes.rooted("slides_subscription", fleet.dir))
      subscribed(node2, node1)
      expect(File).not_to exist("#{fleet.dir}/test_file")

      node1.converge!("file('#{fleet.dir}/other_test') { content 'other test' }\n")

      expect(states(node1, 1)).to eq(["done"])
      expect(File.read("#{fleet.dir}/test_file")).to eq("test")
    end
  end

  it "hears of nothing that was before it, and ends with the run that no longer declares it" do
    source, target = pair
    target.converge!(subscribing("first"))
    subscribed(target, source)
    source.converge!(changing)
    states(source, 1)

    target.converge!(subscribing("first", "second"))
    subscribed(target, source, count: 2)
    expect(fired).to eq(%w[first])
    source.converge!(changing)
    states(source, 3)
    expect(fired).to match_array(%w[first first second])

    target.converge!(subscribing("second"))
    subscribed(target, source)
    source.converge!(changing)
    expect(states(source, 4)).to eq(%w[done] * 4)
    expect(fired.tally).to eq("first" => 2, "second" => 2)
  end

  it "fires when the subscriber is back, if it was off during the source's run" do
    source, target = pair
    target.converge!(subscribing("mark"))
    subscribed(target, source)
    target.stop
    source.converge!(changing)
    Fleet.eventually("the source has noticed the update") { source.notifications.length == 1 }
    expect(fired).to eq([])

    target.start
    expect(states(source, 1)).to eq(["done"])
    expect(fired).to eq(["mark"])
  end

  { "after it was back" => true, "before it was back" => false }.each do |moment, back_first|
    it "counts although the source was off while it was declared, and changed #{moment}" do
      source, target = pair(hub: "target")
      source.stop
      target.converge!(subscribing("mark"))
      Fleet.eventually("the hub has the subscription") do
        target.subscriptions("out").map { |record| record["state"] }.intersect?(%w[pending armed])
      end
      source.converge!(changing) unless back_first
      source.start
      subscribed(target, source)
      source.converge!(changing) if back_first

      expect(states(source, 1)).to eq(["done"])
      expect(fired).to eq(["mark"])
    end
  end

  { "restarted before" => true, "away during" => false }.each do |fate, back_first|
    it "outlives the hub, which is #{fate} the source's run" do
      source, target, hub = pair(hub: "hub")
      target.converge!(subscribing("mark"))
      subscribed(target, source)
      hub.stop
      hub.start if back_first
      source.converge!(changing)
      hub.start unless back_first

      expect(states(source, 1)).to eq(["done"])
      expect(fired).to eq(["mark"])
    end
  end

  it "waits for the end of the run with :delayed, also of one that fails, and fires once" do
    source, target = pair
    target.converge!(subscribing("mark", to: "ruby_block[changes]", options: ":delayed, node: 'source'"))
    subscribed(target, source)
    run = hold(source, "ruby_block('changes') { action %i[run run]; block {} }\n#{gate(source.path("gate"))}" \
                       "ruby_block('fails') { block { raise 'on purpose' } }\n")
    Fleet.eventually("both updates are in the journal") do
      Dir[source.path("data/journal/*.jsonl")].any? { |journal| File.readlines(journal).length == 2 }
    end
    expect(source.notifications).to eq([])

    File.write(source.path("gate"), "go")
    expect(run.value).not_to be_success
    expect(states(source, 1)).to eq(["done"])
    expect(fired).to eq(["mark"])
  end

  it "may choose its sources by role" do
    source, target = pair(hub: "target", source: { roles: { "db" => ["recipe[acceptance]"] } })
    source.converge!(changing, run_list: "role[db]")
    target.converge!(subscribing("mark", options: "roles: 'db'"))
    subscribed(target, source)
    source.converge!(changing, run_list: "role[db]")
    expect(states(source, 1)).to eq(["done"])
    expect(fired).to eq(["mark"])
  end

  it "is consent: the node that it names may fire it, whatever the table of agent.toml says" do
    table = "[[allow]]\nfrom = \"nobody\"\nresource = \"*\"\nactions = [\"run\"]\n"
    source, target = pair(target: { agent_toml: table })
    target.converge!(subscribing("mark"))
    subscribed(target, source)
    source.converge!(changing)
    expect(states(source, 1)).to eq(["done"])
    source.flockctl("notify", "target", "execute[mark]", "run", "--wait", "60")
    expect(states(source, 2)).to match_array(%w[denied done])
    expect(fired).to eq(["mark"])
  end

  it "keeps the name of a sensitive resource on its node, and fires it all the same" do
    source, target, hub = pair(hub: "hub")
    secret = "#{fleet.dir}/secret_name"
    target.converge!("file('#{secret}') do\naction :nothing\ncontent 'foobar'\nsensitive true\n" \
                     "remote_subscribes :create, 'file[#{fleet.dir}/trigger]', node: 'source'\nend\n")
    subscribed(target, source)
    source.converge!(changing)
    expect(states(source, 1)).to eq(["done"])
    expect(File.read(secret)).to eq("foobar")
    kept = [source, hub].flat_map { |node| Dir[node.path("data/{state,registry}.db*")] }
    expect(kept).to include(source.path("data/state.db"), hub.path("data/registry.db"))
    expect(kept.select { |file| File.binread(file).include?("secret_name") }).to eq([])
    expect(kept.any? { |file| File.binread(file).include?("sha256:") }).to be(true)
  end

  it "hears of what a worker updates, and stops a loop of two nodes that subscribe to each other" do
    nodes = [fleet.hub("ping"), fleet.join("pong")]
    nodes.zip(nodes.reverse).each do |node, peer|
      node.converge!(appending("mark", node.name)
        .sub("action :nothing", "\\0\nremote_subscribes :run, 'execute[mark]', node: '#{peer.name}'"))
    end
    [nodes, nodes.reverse].each { |node, peer| subscribed(node, peer) }
    nodes.first.flockctl!("notify", "pong", "execute[mark]", "run", "--wait", "60")
    Fleet.eventually("the loop is denied") do
      nodes.flat_map(&:notifications).any? { |sent| sent["code"] == "loop" }
    end
    expect(fired).to eq(%w[pong ping])
  end
end
