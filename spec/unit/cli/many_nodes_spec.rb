# frozen_string_literal: true

require "timeout"
require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe "flockctl and many nodes" do
  # An agent that knows three nodes, and answers calls by node: [value] or an error.
  let(:client) do
    Class.new(FakeLocalClient) do
      attr_accessor :values

      def invoke(request, _arguments, timeout_ms:) # rubocop:disable Lint/UnusedMethodArgument
        value = values.fetch(request[:node])
        value = value.size > 1 ? value.shift : value.first unless value.is_a?(Exception)
        raise value if value.is_a?(Exception)

        { "result" => JSON.generate(value), "topic" => "run", "version" => "1" }
      end
    end.new("resolve" => { "nodes" => %w[c a b].map { |name| { "name" => name } } }, "observe" => {})
  end

  let(:talk) { [] }

  def verb(name, **options)
    FlockOfChefs::CLI::Verbs.const_get(name).new(talk: talk.method(:push)).call(client, options)
  end

  after { FlockOfChefs::Remote::Calls.current = nil }

  describe "call" do
    def call(values)
      client.values = values
      verb(:Call, role: ["web"], node: nil, api: "cache", method: "flush", arguments: [])
    end

    it "has a line for each node, in the order of names" do
      result = call("a" => [1], "b" => [{ "x" => 2 }], "c" => [nil])
      expect([result.code, result.text]).to eq([0, "a: 1\nb: {\"x\":2}\nc: null"])
      expect(result.rows.first).to eq("node" => "a", "answer" => 1, "error" => nil)
    end

    it "tells of those that could not be called, and ends as the worst" do
      result = call("a" => [1], "b" => FlockOfChefs::ConnectionError.new("b is away", code: "unreachable"),
                    "c" => FlockOfChefs::DeniedError.new("not you"))
      expect([result.code, result.text, result.failed]).to eq([7, "a: 1", %w[b c]])
      expect(talk).to contain_exactly(/\Aa: answered/, /\Ab: b is away/, /\Ac: not you/)
    end

    it "does not have that called again which may have run" do
      result = call("a" => [1], "b" => FlockOfChefs::OutcomeUnknownError.new("the link broke"),
                    "c" => FlockOfChefs::RemoteError.new("boom"))
      expect([result.code, result.failed, result.look]).to match([2, ["c"], [/\bb\b/]])
    end

    it "names those that were not asked" do
      client.values = { "a" => FlockOfChefs::DeniedError.new("not you") }
      result = verb(:Call, role: ["web"], node: nil, api: "cache", method: "flush", batch: "1", max_errors: "0")
      expect(result.text.lines).to match([/\Ab: not asked, since/, /\Ac: not asked, since/])
    end
  end

  describe "run-chef" do
    def report(state) = state.is_a?(Exception) ? state : { "id" => "i-#{state}", "state" => state }

    def run(states, **options)
      client.values = states.transform_values do |list|
        list.is_a?(Exception) ? list : list.map { |state| report(state) }
      end
      verb(:RunChef, tag: ["x"], wait: "5", **options)
    end

    it "ends with what went wrong on the one node that was named" do
      client.values = { "a" => FlockOfChefs::DeniedError.new("not you") }
      expect { verb(:RunChef, node: "a", wait: "5") }.to raise_error(FlockOfChefs::DeniedError, "not you")
    end

    it "waits for all and ends as the worst" do
      result = run({ "a" => %w[queued converging succeeded], "b" => %w[queued failed], "c" => ["succeeded"] })
      expect(result.rows.map { |row| row.values_at("node", "state") })
        .to eq([%w[a succeeded], %w[b failed], %w[c succeeded]])
      expect([result.code, result.failed]).to eq([2, ["b"]])
      expect(talk).to contain_exactly(/\Aa: succeeded/, /\Ab: failed/, /\Ac: succeeded/)
    end

    it "does not take what nobody saw the end of for a success" do
      expect(run({ "a" => ["unknown"], "b" => ["succeeded"], "c" => ["succeeded"] }).code).to eq(4)
    end

    it "keeps the name of a run whose node knows it no more, and takes its end for unknown" do
      gone = FlockOfChefs::ResourceNotFoundError.new("no Chef run i-queued", code: "no_such_run")
      result = run({ "a" => ["queued", gone], "b" => ["succeeded"], "c" => ["succeeded"] })
      expect(result.rows.first).to match("node" => "a", "id" => "i-queued", "message" => /restarted since/)
      expect([result.code, result.failed, result.look]).to eq([4, [], ["flockctl call a flock_api state"]])
    end

    it "goes on with the others where one cannot be asked, and says which have not ended" do
      denied = FlockOfChefs::DeniedError.new("not you")
      result = run({ "a" => denied, "b" => ["queued"], "c" => ["succeeded"] }, wait: "0")
      expect(result.code).to eq(7)
      expect(talk).to contain_exactly(/\Aa: not you/, /still queued/, /\Ac: succeeded/)
      expect(result.rows.first).to eq("node" => "a", "message" => "not you")
      expect([result.failed, result.look]).to eq([["a"], ["flockctl call b flock_api state"]])
    end

    it "has Chef run batch by batch, and stops when it went wrong" do
      result = run({ "a" => ["failed"], "b" => ["succeeded"], "c" => ["succeeded"] }, batch: "1", max_errors: "0")
      expect(result.rows.map { |row| row["state"] }).to eq(%w[failed not_asked not_asked])
      expect([result.code, result.failed, result.rows.last["message"]]).to match([2, [], /not asked/])
      expect(result.names).to eq(["i-failed"])
      expect { run({}, wait: nil, batch: "1") }.to raise_error(FlockOfChefs::ConfigurationError, /--wait/)
    end

    it "only tells whom it would ask" do
      result = run({}, dry_run: true)
      expect(result.rows.map { |row| row["node"] }).to eq(%w[a b c])
      expect(talk).to eq(["dry run: nothing was done; 3 nodes would be asked"])
    end

    it "refuses in a dry run what it would refuse, and says that the hub is away" do
      expect { verb(:RunChef, dry_run: true) }.to raise_error(FlockOfChefs::ConfigurationError, /name nodes/)
      expect { verb(:Wait, for: "succeeded", dry_run: true) }.to raise_error(FlockOfChefs::ConfigurationError, /name n/)
      expect { run({}, dry_run: true, batch: "few") }.to raise_error(FlockOfChefs::ConfigurationError, /--batch/)
      client.answers["resolve"] = { **client.answers["resolve"], "stale" => true }
      run({}, dry_run: true)
      expect(talk).to include(/hub is away/)
    end

    it "asks for no end that is not wanted" do
      expect(run({ "a" => ["queued"], "b" => ["queued"], "c" => ["queued"] }, wait: nil).code).to eq(0)
    end
  end

  it "is this node whose resources a dry run would ask for" do
    client.answers.update("hello" => { "name" => "own" }, "resolve" => { "nodes" => [{ "name" => "own" }] })
    expect(verb(:Resources, dry_run: true).names).to eq(["own"])
    expect(client.calls.last[1]).to eq(nodes: ["own"])
  end

  describe "wait" do
    it "needs one condition and a number that it can read, before anybody is asked" do
      [{}, { for: "a", while: "b" }, { for: "a", at_least: "most" }].each do |options|
        expect { verb(:Wait, role: ["web"], **options) }.to raise_error(FlockOfChefs::ConfigurationError)
      end
      expect { verb(:Wait, for: "succeeded") }.to raise_error(FlockOfChefs::ConfigurationError, /--role/)
      expect(client.calls).to eq([])
    end

    it "is over when it is so on enough of those that are chosen" do
      client.values = { "a" => [true], "b" => [false], "c" => [true] }
      result = verb(:Wait, role: ["web"], for: "x.ready?", at_least: "60%", timeout: "30")
      expect(result.code).to eq(0)
      expect(result.rows.select { |row| row["so"] }.map { |row| row["node"] }).to eq(%w[a c])
    end

    it "has those waited for again of which some are missing, not the same share of them" do
      client.values = { "a" => [true], "b" => FlockOfChefs::DeniedError.new("no"), "c" => [false] }
      result = verb(:Wait, role: ["web"], for: "x.ready?", at_least: "60%", timeout: "1")
      expect([result.failed, result.again]).to eq([%w[b c], { at_least: "1" }])
    end

    it "asks nobody where fewer match than must be so" do
      expect { verb(:Wait, role: ["web"], for: "x.ready?", at_least: "5") }
        .to raise_error(FlockOfChefs::CLI::QuorumError, "--at-least 5 of 3 nodes: these are too few; none was asked")
      expect(client.calls.map(&:first)).to eq(["resolve"])
    end

    it "ends with a fault of ours, whatever other threads there are" do
      client.values = { "a" => TypeError.new("a fault"), "b" => [false], "c" => [false] }
      other = Thread.new { sleep }
      expect { Timeout.timeout(60) { verb(:Wait, role: ["web"], for: "x.ready?", timeout: "1h") } }
        .to raise_error(TypeError, "a fault")
    ensure
      other.kill
    end
  end
end
