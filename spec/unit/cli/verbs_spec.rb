# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Verbs do
  let(:talk) { [] }
  let(:native) { class_double(FlockOfChefs::Native, new_id: "0190-id", init: '{"name":"b1"}', join: '{"name":"b1"}') }

  def verb(name) = described_class.const_get(name).new(talk: talk.method(:push), native:)

  describe "notify" do
    let(:options) { { node: "web1", resource: "service[nginx]", action: "restart" } }
    let(:record) { { "id" => "0190-id", "state" => "done", "peer" => "web1" } }

    def notify(answers, **more)
      @client = FakeLocalClient.new(answers)
      verb(:Notify).call(@client, options.merge(more))
    end

    it "hands a draft over and names it at once" do
      result = notify({ "append" => { "where" => "outbox", "seq" => 1 } })
      draft = { id: "0190-id", key: "service[nginx]", action: "restart", timing: "immediately",
                targets: { nodes: ["web1"] } }
      expect(@client.calls).to eq([["append", draft, nil]])
      expect([result.code, result.rows.first["state"], talk.first]).to match([0, "queued", /0190-id/])
    end

    it "waits with a deadline beyond the one asked for" do
      result = notify({ "append" => { "where" => "outbox" }, "await" => { "records" => [record] } }, wait: "30")
      expect(@client.calls.last).to match(["await", { id: "0190-id", timeout_ms: 30_000 }, a_value > 30_000])
      expect([result.code, result.rows]).to eq([0, [record]])
    end

    it "is one notification for all that are chosen, and ends as the worst of them" do
      found = %w[web1 web2].map { |name| { "name" => name, "presence" => "alive" } }
      records = [record, record.merge("peer" => "web2", "state" => "failed")]
      result = notify({ "append" => { "where" => "outbox" }, "await" => { "records" => records },
                        "resolve" => { "nodes" => found } }, node: nil, select: "role:web", wait: "30")
      expect(@client.calls.find { |call| call.first == "append" }[1][:targets]).to eq(nodes: %w[web1 web2])
      expect([result.code, result.failed, result.rows]).to eq([2, ["web2"], records])
    end

    it "needs a time to wait for batches, before anything is sent" do
      expect { notify({}, node: nil, select: "role:web", batch: "1") }
        .to raise_error(FlockOfChefs::ConfigurationError, /--wait/)
    end

    describe "batch by batch" do
      def batches(answers, **more)
        found = %w[web1 web2 web3].map { |name| { "name" => name, "presence" => "alive" } }
        notify({ "resolve" => { "nodes" => found }, **answers },
               node: nil, select: "role:web", wait: "1", batch: "1", **more)
      end

      it "spools nothing, and stops where no agent answers" do
        down = FlockOfChefs::ConnectionError.new("no agent answers", code: "no_agent")
        result = batches({ "append" => down })
        expect(@client.calls.map { |call| call.values_at(0, 3) }).to eq([["resolve", nil], ["append", :no_spool]])
        expect([result.code, result.look, result.names]).to eq([4, [], []])
        expect(result.rows.map { |row| row.values_at("peer", "state") })
          .to eq([%w[web1 not_asked], %w[web2 not_asked], %w[web3 not_asked]])
      end

      it "says the id before it is sent, and where to look for what may have arrived" do
        result = batches({ "append" => FlockOfChefs::TimeoutError.new("no answer") })
        expect(talk.first).to include("0190-id", "web1")
        expect([result.code, result.names]).to eq([5, ["0190-id"]])
        expect(result.look).to eq(["flockctl notifications show 0190-id"])
        expect(result.rows.first).to include("peer" => "web1", "state" => "unknown", "message" => "no answer")
      end

      it "has a whole row for those that were not asked" do
        failed = { "records" => [record.merge("state" => "failed")] }
        result = batches({ "append" => { "where" => "outbox" }, "await" => failed }, max_errors: "0")
        expect(result.rows.last).to match("peer" => "web3", "state" => "not_asked", "key" => "service[nginx]",
                                          "action" => "restart", "message" => /went wrong on 1/)
        expect([result.names, result.failed]).to eq([["0190-id"], []])
      end
    end

    it "does not run again what may run yet" do
      found = %w[web1 web2].map { |name| { "name" => name, "presence" => "alive" } }
      records = [record.merge("state" => "failed"), record.merge("peer" => "web2", "state" => "stored")]
      result = notify({ "append" => { "where" => "outbox" }, "await" => { "records" => records },
                        "resolve" => { "nodes" => found } }, node: nil, select: "role:web", wait: "1")
      expect([result.failed, result.look]).to eq([["web1"], ["flockctl notifications show 0190-id"]])
    end

    it "says that an unfinished one is unfinished" do
      stored = record.merge("state" => "stored")
      result = notify({ "append" => { "where" => "outbox" }, "await" => { "records" => [stored] } }, wait: "1")
      expect([result.code, talk.last, result.look]).to match([5, /not finished/, [/show 0190-id/]])
    end

    it "does not know what became of it when the agent is away all the time" do
      away = FlockOfChefs::ConnectionError.new("the agent is away")
      result = notify({ "append" => { "where" => "outbox" }, "await" => away }, wait: "0")
      expect([result.code, result.rows.first["state"]]).to eq([4, "unknown"])
    end

    it "is done without an agent, unless the outcome was wanted" do
      expect(notify({ "append" => { "where" => "spool" } }).code).to eq(0)
      expect(notify({ "append" => { "where" => "spool" } }, wait: "1").code).to eq(4)
      expect(talk.last).to include("flockctl agent")
    end

    [{ resource: "nginx" }, { resource: "service[]" }, { action: "re start" }, { wait: "later" }].each do |wrong|
      it "refuses #{wrong} before anything is sent" do
        expect { notify({}, **wrong) }.to raise_error(FlockOfChefs::ConfigurationError)
        expect(@client.calls).to be_empty
      end
    end
  end

  describe "nodes" do
    it "sorts, and warns of a stale list" do
      client = FakeLocalClient.new("nodes" => { "nodes" => [{ "name" => "b" }, { "name" => "a" }], "stale" => true })
      result = verb(:Nodes).call(client)
      expect([result.rows.map { |row| row["name"] }, result.code, talk]).to match([%w[a b], 0, [/away/]])
    end

    it "has a code of its own for nothing" do
      expect(verb(:Nodes).call(FakeLocalClient.new("nodes" => { "nodes" => [] }), name: "x").code).to eq(3)
    end
  end

  describe "notifications" do
    it "asks for what it is told" do
      client = FakeLocalClient.new("list" => { "records" => [] })
      verb(:Notifications).call(client, state: "failed", limit: "5")
      expect(client.calls.first[1]).to eq(id: "", direction: "", state: "failed", limit: 5)
    end

    it "tells the story of one" do
      record = { "id" => "i1", "state" => "failed", "message" => "no such service", "run_ms" => 12,
                 "sources" => [{ "key" => "file[/tmp/x]", "action" => "create", "recipe" => "cb::default",
                                 "line" => 3 }],
                 "chain" => [{ "node" => "a", "key" => "file[/y]", "action" => "create" }] }
      result = verb(:Notifications).call(FakeLocalClient.new("list" => { "records" => [record] }), id: "i1")
      expect(result.text).to include("no such service", "12 ms", "file[/tmp/x] create (cb::default:3)",
                                     "file[/y] create on a")
    end

    it "has a code of its own for an id that is not there" do
      expect(verb(:Notifications).call(FakeLocalClient.new("list" => { "records" => [] }), id: "x").code).to eq(3)
    end

    it "steers" do
      client = FakeLocalClient.new("steer" => { "records" => [{ "id" => "i1", "state" => "queued" }] })
      expect(verb(:Steer).call(client, verb: "retry", id: "i1").code).to eq(0)
      expect(client.calls.first[1]).to eq(id: "i1", target: "", verb: "retry")
    end
  end

  describe "subscriptions" do
    let(:record) do
      { "subscription" => { "id" => "ab12", "subscriber" => "bender1", "source_key" => "execute[kill all humans]",
                            "key" => "file[/tmp/fubar]", "action" => "create", "timing" => "immediately",
                            "sources" => { "nodes" => ["bender0"], "roles" => %w[web db], "cloud" => "" },
                            "ttl_ms" => 1000, "retry" => 0, "recipe" => "cb::default", "line" => 7 },
        "direction" => "out", "state" => "pending", "code" => "no_source", "message" => "nobody is bender0",
        "sources" => [{ "name" => "bender0", "presence" => "unknown" }], "fired" => 2, "last_fired_ms" => 1000 }
    end

    def subscriptions(records, **options)
      @client = FakeLocalClient.new("subscriptions" => { "records" => records })
      verb(:Subscriptions).call(@client, options)
    end

    it "asks for what it is told" do
      expect([subscriptions([], direction: "in", limit: "5").code, talk]).to eq([0, ["no subscriptions"]])
      expect(@client.calls.first.first(2)).to eq(["subscriptions", { id: "", direction: "in", limit: 5 }])
    end

    it "has a line for each, and all that the agent said beside it" do
      row = subscriptions([record]).rows.first
      expect(row).to include(record).and include("id" => "ab12", "when" => "execute[kill all humans]",
                                                 "of" => ["bender0", "roles:web,db"])
    end

    it "tells the story of one" do
      text = subscriptions([record], id: "ab").text
      expect(@client.calls.first[1]).to eq(id: "ab", direction: "", limit: 0)
      expect(text).to include("ab12", "nobody is bender0", "cb::default:7", "1970-01-01T00:00:01Z",
                              "bender0 (unknown)")
    end

    it "has a code of its own for an id that is not there" do
      expect([subscriptions([], id: "x").code, talk]).to eq([3, ["no subscription x"]])
    end
  end

  describe "token create" do
    it "prints the join string and nothing else" do
      client = FakeLocalClient.new("token_create" => { "id" => "t", "join_string" => "flock1:x", "expires_ms" => 0 })
      result = verb(:TokenCreate).call(client, ttl: "1h", uses: "20", node: "web*")
      expect(client.calls.first[1]).to eq(ttl_ms: 3_600_000, uses: 20, node_glob: "web*", operator: "")
      expect(result.text).to eq("flock1:x")
    end
  end

  describe "resources" do
    it "shows what a card says" do
      card = { "key" => "service[x]", "allowed_actions" => %w[start stop], "default_action" => ["nothing"],
               "cookbook" => "cb", "recipe" => "default", "line" => 7, "sensitive" => false, "duplicate" => true }
      client = FakeLocalClient.new("resources" => { "node" => "b1", "generation" => 3, "cards" => [card] })
      expect(verb(:Resources).call(client, node: "b1").rows.first)
        .to include("resource" => "service[x]", "source" => "cb::default:7", "remarks" => ["duplicate"])
    end

    it "says that a node has not converged" do
      client = FakeLocalClient.new("resources" => { "node" => "b1", "generation" => 0, "cards" => [] })
      expect([verb(:Resources).call(client).code, talk]).to match([3, [/not converged/]])
    end
  end

  describe "doctor" do
    it "answers without an agent, with a remedy for each finding" do
      client = FakeLocalClient.new({ "doctor" => FlockOfChefs::ConnectionError.new("no agent") },
                                   config: { "data_dir" => "/nonexistent" })
      result = verb(:Doctor).call(client)
      expect([result.code, result.rows.map { |row| row["check"] }]).to eq([4, %w[data_dir agent]])
      expect(result.rows.map { |row| row["remedy"] }).to all(match(/\S/))
    end

    { "ok" => 0, "warning" => 0, "error" => 2 }.each do |level, code|
      it "ends with #{code} when the worst is #{level}" do
        client = FakeLocalClient.new("doctor" => { "findings" => [{ "level" => level, "check" => "clock" }] })
        expect(verb(:Doctor).call(client).code).to eq(code)
      end
    end
  end

  describe "init and join" do
    it "pass the name and the options on" do
      verb(:Init).call(nil, name: "b1", listen: "127.0.0.1:0", config: "/x.toml")
      expect(native).to have_received(:init) { |json|
        expect(JSON.parse(json)).to include("name" => "b1", "listen" => "127.0.0.1:0", "config" => "/x.toml",
                                            "advertise" => nil)
      }
    end

    it "pass the join string on" do
      verb(:Join).call(nil, name: "b1", join_string: "flock1:x", replace: true)
      expect(native).to have_received(:join) { |json, timeout_ms|
        expect(JSON.parse(json)).to include("join" => "flock1:x", "replace" => true)
        expect(timeout_ms).to be > 0
      }
    end
  end

  describe "status" do
    it "says it in sentences" do
      report = { "agent" => { "name" => "b1", "hub" => true, "flock_id" => "f", "version" => "1", "pid" => 9 },
                 "link" => "off", "hub" => "", "members" => 3, "epoch" => 1, "queued" => 2, "stored" => 0,
                 "unfinished" => 2, "generation" => 5, "run_phase" => "", "spool" => 0, "spool_bad" => 0,
                 "started_ms" => 1000, "certificate_expires_ms" => 0 }
      result = verb(:Status).call(FakeLocalClient.new("status" => report))
      expect(result.text).to include("b1: hub of flock f", "2 to send", "last run -", "1970-01-01T00:00:01Z")
    end
  end
end
