# frozen_string_literal: true

require "json"
require "open3"
require "stringio"
require "yaml"
require "flock_of_chefs/cli"
require "support/fake_local_client"

# What goes to the standard output of every command is data in the format that was asked for, and nothing else.
RSpec.describe "the formats of flockctl" do
  record = { "id" => "0190-id", "state" => "done", "peer" => "web1", "key" => "service[x]", "action" => "restart",
             "direction" => "out", "created_ms" => 1, "updated_ms" => 2, "chain" => [], "sources" => [] }
  node = { "name" => "web1", "presence" => "alive", "address" => "a:1", "services" => ["/api/x"] }
  subscription = { "subscription" => { "id" => "ab12", "sources" => { "nodes" => ["b"] } }, "state" => "armed" }
  answers = {
    "backup" => { "path" => "/b", "bytes" => 1, "files" => 1, "name" => "web1" },
    "doctor" => { "findings" => [{ "level" => "ok", "check" => "hub", "message" => "m", "remedy" => "" }] },
    "leave" => { "name" => "web1", "flock_id" => "f", "told" => true, "problem" => "" },
    "log_level" => { "level" => "info" }, "metrics" => { "text" => "# HELP a A.\n# TYPE a gauge\na{b=\"c\"} 1\n" },
    "node_remove" => {}, "nodes" => { "nodes" => [node] }, "resolve" => { "nodes" => [node] },
    "list" => { "records" => [record] }, "steer" => { "records" => [record] }, "append" => { "where" => "outbox" },
    "resources" => { "node" => "web1", "cards" => [{ "key" => "file[/x]", "allowed_actions" => ["create"] }] },
    "status" => { "agent" => { "name" => "web1" }, "link" => "connected" },
    "subscriptions" => { "records" => [subscription] },
    "operators" => { "records" => [{ "name" => "alice", "issued_ms" => 1, "expires_ms" => 2 }] },
    "token_create" => { "id" => "t", "join_string" => "flock1.x", "expires_ms" => 1 },
    "hello" => { "name" => "web1" }, "observe" => {},
    "why" => { "node" => "web1", "now_ms" => 1, "info" => node, "hub_problem" => "away", "waiting" => 0 }
  }

  restored = { "name" => "web1", "hub" => false, "created_ms" => 1, "put_aside" => "", "unknown" => 0,
               "asked_again" => 0, "denied" => [], "rebound" => false }

  # The words of a command => what it is given, and what tells its output in the format `names`.
  given = {
    "backup" => [{ file: "/b" }, "web1"], "call" => [{ node: "web1", api: "a", method: "m" }, "{\"id\":\"0190-id\"}"],
    "completion" => [{ shell: "bash" }, "bash"], "config check" => [{ file: "/etc/x.toml" }, "/etc/x.toml"],
    "doctor" => [{}, "hub"], "init" => [{ name: "web1" }, "web1"],
    "join" => [{ join_string: "flock1.x", name: "web1" }, "web1"], "leave" => [{ yes: true }, "web1"],
    "log-level" => [{}, "info"], "metrics" => [{}, "a"], "node remove" => [{ name: "web1" }, "web1"],
    "nodes" => [{}, "web1"], "notifications" => [{}, "0190-id"], "notifications list" => [{}, "0190-id"],
    "notifications show" => [{ id: "0190" }, "0190-id"], "notifications retry" => [{ id: "0190" }, "0190-id"],
    "notifications drop" => [{ id: "0190" }, "0190-id"],
    "notify" => [{ node: "web1", resource: "service[x]", action: "restart" }, "0190-id"],
    "operators" => [{}, "alice"],
    "operator remove" => [{ name: "alice" }, "alice"],
    "resources" => [{}, "file[/x]"], "restore" => [{ file: "/b" }, "web1"],
    "run-chef" => [{ node: "web1" }, "0190-id"], "status" => [{}, "web1"], "subscriptions" => [{}, "ab12"],
    "subscriptions list" => [{}, "ab12"], "subscriptions show" => [{ id: "ab" }, "ab12"],
    "token create" => [{}, "flock1.x"], "trace" => [{ id: "0190-id" }, "0190-id"],
    "version" => [{}, FlockOfChefs::VERSION], "wait" => [{ nodes: ["web1"], for: "x.ready?" }, "web1"],
    "why" => [{ node: "web1" }, "web1"]
  }

  let(:native) do
    class_double(FlockOfChefs::Native, new_id: "0190-id", version: FlockOfChefs::VERSION,
                                       config_check: JSON.generate("path" => "/etc/x.toml", "name" => "web1"),
                                       init: '{"name":"web1"}', join: '{"name":"web1"}',
                                       restore: JSON.generate(restored))
  end
  let(:client) do
    Class.new(FakeLocalClient) do
      def invoke(request, _arguments, timeout_ms:) # rubocop:disable Lint/UnusedMethodArgument
        row = { "id" => "0190-id", "state" => "succeeded", "direction" => "out", "peer" => "", "sources" => [],
                "key" => "k", "action" => "run", "created_ms" => 1, "updated_ms" => 1 }
        shown = { "run_chef" => row, "trace" => [row] }.fetch(request[:method], [row.slice("id")])
        { "result" => JSON.generate(shown), "topic" => "", "version" => "" }
      end
    end.new(answers, config: { "name" => "web1" })
  end

  # What took how long is in some answers.
  before { allow(FlockOfChefs::Monotonic).to receive(:now).and_return(1.0) }

  after { FlockOfChefs::Remote::Calls.current = nil }

  # What a command writes.
  def printed(words, options, format)
    command = FlockOfChefs::CLI.commands.fetch(words)
    verb = FlockOfChefs::CLI::Verbs.const_get(command.settings[:name]).new(native:)
    options = command.new.send(:refine, options)
    StringIO.new.tap { |io| FlockOfChefs::CLI::Output.new(format, io).print(verb.call(client, options)) }.string
  end

  it "are tried with every command that prints" do
    silent = FlockOfChefs::CLI.commands.select { |_, command| command.settings[:silent] }.keys
    expect(given.keys).to match_array(FlockOfChefs::CLI.commands.keys - silent)
  end

  given.each do |words, (options, name)|
    describe words do
      it("is one JSON document") { expect(JSON.parse(printed(words, options, "json"))).not_to be_nil }

      it "is the same in YAML, and a document per row" do
        json = JSON.parse(printed(words, options, "json"))
        expect(YAML.safe_load(printed(words, options, "yaml"))).to eq(json)
        rows = printed(words, options, "jsonl").lines.map { |line| JSON.parse(line) }
        expect(rows).to eq(json.is_a?(Array) ? json : [json])
      end

      it("has names") { expect(printed(words, options, "names")).to eq("#{name}\n") }
      it("has a text") { expect(printed(words, options, "text")).to match(/\S/) }
    end
  end

  it "have -F as their short form" do
    root = File.expand_path("../../..", __dir__)
    flockctl = [RbConfig.ruby, "-I#{root}/lib", "#{root}/exe/flockctl"]
    out, err, = Open3.capture3(*flockctl, "version", "-F", "json")
    expect([JSON.parse(out)["version"], err]).to eq([FlockOfChefs::VERSION, ""])
    out, = Open3.capture3(*flockctl, "version", "-Fyaml")
    expect(YAML.safe_load(out)["version"]).to eq(FlockOfChefs::VERSION)
  end
end
