# frozen_string_literal: true

require "json"
require "net/http"
require_relative "../support/fleet"

# What operators ask of a flock, on one fleet: whoever stops an agent starts it again.
RSpec.describe "flockctl, asked by operators", :acceptance do
  before(:context) do
    @fleet = Fleet.new
    @metrics_port = Fleet.free_port
    @hub = @fleet.hub("hub", tags: %w[web], agent_toml: "[metrics]\nlisten = \"127.0.0.1:#{@metrics_port}\"")
    @sender = @fleet.join("sender", tags: %w[web canary])
    @target = @fleet.join("target")
    @target.converge!("execute 'mark' do\n  command 'true'\n  action :nothing\nend\n")
    @sender.converge!(<<~RUBY)
      file '#{@fleet.dir}/trigger' do
        content 'v1'
        remote_notifies :run, 'execute[mark]', node: 'target'
      end
    RUBY
    @id = @sender.settled.first.fetch("id")
    # Before any example starts the agent again: counters begin with it.
    @counted = json(@sender.flockctl("metrics", "-F", "json"))
  end

  after(:context) { @fleet&.close }

  def json(result) = JSON.parse(result.out)

  def start_again(node)
    node.stop.start
    Fleet.eventually("#{node.name} is back") { @hub.flockctl("why", node.name).success? }
  end

  describe "trace" do
    it "tells one change from the recipe's line to its effect and back, from either end" do
      from_sender = @sender.flockctl("trace", @id[0, 23], "-F", "json")
      events = json(from_sender).fetch("events")
      expect(events.map { |event| event.values_at("node", "event") })
        .to eq([%w[sender updated], %w[sender kept], %w[target arrived], %w[target began], %w[target done],
                %w[sender known]])
      expect(events.first["text"]).to eq("file[#{@fleet.dir}/trigger] was updated by :create (acceptance::default:1)")
      times = events.filter_map { |event| event["time_ms"] }
      expect(times.first(4)).to eq(times.first(4).sort)
      expect([from_sender.exit_code, json(@target.flockctl("trace", @id, "-F", "json"))]).to eq([0, json(from_sender)])
    end

    it "is told also where nobody knows it, by way of a node that does" do
      unknown = @hub.flockctl("trace", @id)
      expect([unknown.exit_code, unknown.out, unknown.err]).to match([3, "", /--node NAME/])
      expect(@hub.flockctl!("trace", @id, "--node", "target")).to include("acceptance::default:1", "target  done after")
    end
  end

  describe "nodes that are chosen by an expression" do
    it "are those that it means" do
      expect(@hub.flockctl!("nodes", "--select", "tag:web", "-F", "names")).to eq("hub\nsender\n")
      expect(@hub.flockctl!("nodes", "--select", "tag:web AND tag:canary", "-F", "names")).to eq("sender\n")
    end

    it "are nobody's with a code of its own, and nothing on stdout" do
      [%w[nodes], %w[call flock_api state], %w[run-chef], %w[wait --for succeeded], %w[resources],
       %w[notify service[x] restart]].each do |words|
        none = @hub.flockctl(*words, "--select", "tag:nobody", "-F", "json")
        expect([words, none.exit_code, none.out, none.err.lines.size]).to eq([words, 3, "", 1])
      end
    end

    it "are named and left alone by a dry run" do
      before = @hub.notifications.size
      [%w[call flock_api run_chef], %w[run-chef], %w[notify execute[mark] run]].each do |words|
        tried = @hub.flockctl(*words, "--select", "tag:canary", "--dry-run", "-F", "names")
        expect([tried.out, tried.exit_code, tried.err]).to match(["sender\n", 0, /dry run/])
      end
      expect([@hub.notifications.size, json(@hub.flockctl("call", "sender", "flock_api", "state"))["state"]])
        .to eq([before, "succeeded"])
    end

    it "are asked again only where it went wrong" do
      # The hub has no attributes: Chef never ran there.
      partly = @hub.flockctl("call", "flock_api", "node", "fqdn", "--select", "tag:web", "-F", "jsonl")
      rows = partly.out.lines.map { |line| JSON.parse(line) }
      expect([partly.exit_code, rows.map { |row| [row["node"], row["error"].nil?] }])
        .to eq([3, [["hub", false], ["sender", true]]])
      expect(partly.err).to match(/hub: .*\(\d of 2 done, 1 failed/).and include("for the 1 that are left")
      expect(partly.err).to match(/^  flockctl call --select node:hub .*flock_api node fqdn$/)
    end

    # Chef never ran on the hub, which keeps it until then.
    it "are notified batch by batch, and none twice" do
      done = @hub.flockctl("notify", "execute[mark]", "run", "--select", "node:hub,target", "--batch", "1",
                           "--wait", "30", "-F", "json")
      rows = json(done)
      expect([done.exit_code, rows.map { |row| row.values_at("peer", "state") }])
        .to eq([5, [%w[hub stored], %w[target done]]])
      expect(done.err).to end_with("  flockctl notifications show #{rows.first["id"]}\n")
    end
  end

  describe "metrics" do
    def names(text) = text.scan(/^# HELP (\S+)/).flatten

    it "are all described in the documentation, and none is there that is not" do
      documented = File.read("#{Fleet::ROOT}/docs/operations.md").scan(/^\| `((?:flock|process)_\w+)[`{]/).flatten
      expect(names(@hub.flockctl!("metrics"))).to match_array(documented)
    end

    it "tell what happened, and are the same over HTTP" do
      expect(@counted).to include(
        { "name" => "flock_notifications", "labels" => { "direction" => "out", "state" => "done" }, "value" => 1.0 },
        { "name" => "flock_outcomes_total", "labels" => { "state" => "done" }, "value" => 1.0 },
        { "name" => "flock_hub_connected", "labels" => {}, "value" => 1.0 }
      )
      page = Net::HTTP.get_response(URI("http://127.0.0.1:#{@metrics_port}/metrics"))
      expect([page.code, page["content-type"]]).to match(["200", %r{\Atext/plain; version=0\.0\.4}])
      expect(names(page.body)).to eq(names(@hub.flockctl!("metrics")))
      expect(page.body).to match(/^flock_hub_members 3$/)
      expect(Net::HTTP.get_response(URI("http://127.0.0.1:#{@metrics_port}/")).code).to eq("404")
    end
  end

  describe "config check" do
    def check(text, *arguments)
      file = File.join(@fleet.dir, "checked.toml")
      File.write(file, text)
      @hub.flockctl("config", "check", file, *arguments)
    end

    it "takes what an agent would start with" do
      good = check("name = \"a\"\n[registry]\n")
      expect([good.exit_code, good.err, good.out]).to match([0, "", /in order, for the node a/])
    end

    it "names line and remedy of what it would not" do
      {
        "name = \"a\"\n[worker]\nwarn = true\n" => /checked.toml:3: unknown key `warn`; did you mean `warm`\?/,
        "name = \"a\"\nlisten = \"here\"\n" => /checked.toml:2: listen: .*IP:PORT/,
        "name = \"a\"\nlisten = \"\"\n[registry]\n" => /a hub has to listen/
      }.each do |text, complaint|
        bad = check(text)
        expect([bad.exit_code, bad.out, bad.err.lines.size]).to eq([1, "", 1])
        expect(bad.err).to match(complaint)
      end
      expect(json(check("name = \"a\"\n\ntag = 1\n", "-F", "json"))).to include("ok" => false, "line" => 3)
    end
  end

  describe "log-level" do
    it "is changed for Rust and Ruby alike, and for good by nobody" do
      expect([@hub.flockctl!("log-level"), @hub.log.include?("DEBUG")]).to eq(["info\n", false])
      expect(@hub.flockctl!("log-level", "debug")).to eq("debug\n")
      Fleet.eventually("the agent logs more") do
        @hub.flockctl!("nodes")
        @hub.log.include?("DEBUG")
      end
      expect(@hub.flockctl("log-level", "loud").text).to include('"loud" is no level')
      @hub.flockctl!("log-level", "info")
      @target.flockctl!("log-level", "error")
      @target.stop
      expect(@target.log).not_to include("INFO stopping")
      start_again(@target)
      expect(@target.flockctl!("log-level")).to eq("info\n")
    ensure
      start_again(@target) unless @target.running?
    end
  end

  describe "why" do
    it "finds nothing wrong with a node that is well" do
      Fleet.eventually("the target is back") { @hub.flockctl("why", "target").success? }
      expect(@hub.flockctl!("why", "target")).to include("it answers", "in session since", "ms from the hub's")
    end

    it "tells what became of a node that died, and that nobody has a name" do
      @sender.kill9
      why = nil
      Fleet.eventually("the hub notices") do
        (why = @hub.flockctl("why", "sender")).out.include?("connection broke")
      end
      expect(why.exit_code).to eq(4)
      expect(why.out).to match(/^error   answer .*refuses connections/)
      expect(why.out).to match(/^warning heartbeat .*heard last at 20/)
      nobody = @hub.flockctl("why", "fry")
      expect([nobody.exit_code, nobody.out]).to match([3, /nobody called fry has joined the flock/])
    ensure
      start_again(@sender)
    end
  end
end
