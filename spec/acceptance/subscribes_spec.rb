# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/recipes"

RSpec.describe "remote_subscribes between two real nodes", :acceptance do
  include_context "with a flock"

  # A source that is updated at every run.
  def changing(key = "kill all humans") = "execute('#{key}') { command 'true' }\n"

  # One that is updated by a run with other content only.
  def file(name, content) = "file('#{fleet.dir}/#{name}') { content '#{content}' }\n"

  def subscribing(options, source: "execute[kill all humans]", name: "mark", timing: ":immediately")
    word = "remote_subscribes :run, '#{source}', #{timing}, #{options}"
    appending(name).sub("action :nothing", "action :nothing\n  #{word}")
  end

  # @param direction [String] "out" at the subscriber, "in" at the source
  def subscriptions(node, direction = "out")
    JSON.parse(node.flockctl!("subscriptions", "list", "--format", "json"))
        .select { |entry| entry["direction"] == direction }
  end

  def armed(source)
    Fleet.eventually("#{source.name} knows who subscribes to it") { subscriptions(source, "in").any? }
  end

  def unchanged(node, recipe)
    node.converge!(recipe)
    Fleet.eventually("the journal of #{node.name} is read") { Dir[node.path("data/journal/*.jsonl")].empty? }
  end

  describe "the README's recipe, verbatim" do
    { "the subscriber on the hub" => true, "the source on the hub" => false }.each do |place, subscriber_first|
      it "creates the file when the other node's resource was updated, with #{place}" do
        names = %w[bender1 bender0]
        hub = fleet.hub(subscriber_first ? names.first : names.last)
        other = fleet.join(subscriber_first ? names.last : names.first)
        bender1, bender0 = subscriber_first ? [hub, other] : [other, hub]

        bender1.converge!(Recipes.rooted("readme_subscription", fleet.dir))
        armed(bender0)
        expect(File).not_to exist("#{fleet.dir}/fubar")

        bender0.converge!(changing)
        expect(bender0.settled(count: 1).map { |sent| sent.values_at("state", "late") }).to eq [["done", false]]
        expect(File.read("#{fleet.dir}/fubar")).to eq "foobar"
      end
    end
  end

  describe "the slides' recipe, verbatim" do
    it "creates its file when the other is created, and not by an unchanged second run" do
      node1 = fleet.hub("node1")
      node2 = fleet.join("node2")
      node2.converge!(Recipes.rooted("slides_subscription", fleet.dir))
      armed(node1)

      node1.converge!(file("other_test", "other test"))
      expect(node1.settled(count: 1).map { |sent| sent["state"] }).to eq ["done"]
      expect(File.read("#{fleet.dir}/test_file")).to eq "test"

      unchanged(node1, file("other_test", "other test"))
      expect(node1.notifications.length).to eq 1
    end
  end

  describe "who is off" do
    attr_reader :source, :subscriber

    before do
      @hub = fleet.hub("hub0")
      @source = fleet.join("source")
      @subscriber = fleet.join("subscriber")
    end

    it "is the subscriber while the source changes" do
      subscriber.converge!(subscribing("node: 'source'"))
      armed(source)
      subscriber.stop
      source.converge!(changing)
      Fleet.eventually("it is kept for the subscriber") { source.notifications.any? }

      subscriber.start
      expect(source.settled(count: 1).first["state"]).to eq "done"
      expect(fired).to eq ["mark"]
    end

    it "is the source while the other subscribes" do
      source.stop
      subscriber.converge!(subscribing("node: 'source'"))
      source.start
      armed(source)
      source.converge!(changing)
      expect(source.settled(count: 1).first["state"]).to eq "done"
      expect(fired).to eq ["mark"]
    end

    it "is the source's agent during the source's run; the change is served late" do
      subscriber.converge!(subscribing("node: 'source'"))
      armed(source)
      source.stop
      source.converge!(changing)
      source.start
      expect(source.settled(count: 1).first["state"]).to eq "done"
      expect(fired).to eq ["mark"]
    end

    it "is the hub, restarted between" do
      subscriber.converge!(subscribing("node: 'source'"))
      armed(source)
      @hub.kill9
      @hub.start
      source.converge!(changing)
      expect(source.settled(count: 1).first["state"]).to eq "done"
      expect(fired).to eq ["mark"]
    end
  end

  it "counts changes from the subscription on only, and waits for a source that does not exist yet" do
    hub = fleet.hub("hub0")
    hub.converge!(changing)
    subscriber = fleet.join("subscriber")
    subscriber.converge!(subscribing("node: ['hub0', 'absent']"))
    armed(hub)
    expect(fired).to eq []
    waiting = subscriber.flockctl("doctor")
    expect(waiting.text).to match(/subscription.*absent/)

    absent = fleet.join("absent")
    armed(absent)
    absent.converge!(changing)
    expect(absent.settled(count: 1).first["state"]).to eq "done"
    expect(fired).to eq ["mark"]
  end

  it "is withdrawn by a run that does not declare it any more" do
    hub = fleet.hub("hub0")
    subscriber = fleet.join("subscriber")
    subscriber.converge!(subscribing("node: 'hub0'") + subscribing("node: 'hub0'", name: "second"))
    Fleet.eventually("both are known") { subscriptions(hub, "in").length == 2 }

    subscriber.converge!(subscribing("node: 'hub0'") + appending("second"))
    Fleet.eventually("one is withdrawn") { subscriptions(hub, "in").length == 1 }
    hub.converge!(changing)
    expect(hub.settled(count: 1).map { |sent| sent["key"] }).to eq ["execute[mark]"]
  end

  it "takes delayed ones together at the end of the source's run, also of one that fails" do
    hub = fleet.hub("hub0")
    subscriber = fleet.join("subscriber")
    subscriber.converge!(subscribing("node: 'hub0'", source: "file[#{fleet.dir}/a]", timing: ":delayed"))
    armed(hub)
    failing = hub.converge("#{file("a", "1")}file('again') { path '#{fleet.dir}/b' and content 'x' }\nraise_here\n")
    expect(failing.success?).to be false
    expect(hub.notifications).to eq [] # a recipe that does not compile changes nothing

    failing = hub.converge("#{file("a", "1")}ruby_block('fail') { block { raise 'on purpose' } }\n")
    expect(failing.success?).to be false
    expect(hub.settled(count: 1).map { |sent| sent.values_at("state", "timing") }).to eq [%w[done delayed]]
    expect(fired).to eq ["mark"]
  end

  { "role" => "roles: 'web'", "tag" => "tags: 'blue'", "environment" => "environment: 'prod'" }.each do |kind, options|
    it "finds its source by #{kind}" do
      fleet.hub("hub0")
      source = fleet.join("source", tags: ["blue"], roles: { "web" => ["recipe[acceptance]"] }, environment: "prod")
      source.converge!("", run_list: "role[web]") # so that the flock knows its facts
      subscriber = fleet.join("subscriber")
      subscriber.converge!(subscribing(options))
      armed(source)
      source.converge!(changing, run_list: "role[web]")
      expect(source.settled(count: 1).first["state"]).to eq "done"
      expect(fired).to eq ["mark"]
    end
  end

  it "ends a loop of two nodes that subscribe to each other" do
    nodes = [fleet.hub("ping"), fleet.join("pong")]
    nodes.zip(nodes.reverse).each do |node, peer|
      node.converge!(subscribing("node: '#{peer.name}'", source: "execute[mark]"))
    end
    nodes.each { |node| armed(node) }
    nodes.first.flockctl!("notify", "pong", "execute[mark]", "run", "--wait", "60")
    Fleet.eventually("the loop is denied") do
      nodes.flat_map(&:notifications).any? { |sent| sent["code"] == "loop" }
    end
    expect(fired.length).to be <= 3
  end
end
