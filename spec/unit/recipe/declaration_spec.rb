# frozen_string_literal: true

require "chef"
require "flock_of_chefs/recipe/declaration"

RSpec.describe FlockOfChefs::Recipe::Declaration do
  let(:resource) { Chef::Resource::File.new("/tmp/fubar") }

  def declare(action = :run, spec = "execute[x]", timing = nil, hash = nil, **options)
    described_class.new(FlockOfChefs::Recipe::Word::NOTIFIES, resource, caller_locations(1, 1).first,
                        [action, spec, timing, hash], options)
  end

  it "takes the timing by position or by name; immediately is the default" do
    expect(declare(node: "b").timing).to eq :immediately
    expect(declare(:run, "execute[x]", :delayed, node: "b").timing).to eq :delayed
    expect(declare(:run, "execute[x]", "before", node: "b").timing).to eq :before
    expect(declare(node: "b", timing: :immediate).timing).to eq :immediately
  end

  it "takes options as keywords or as a Hash, also the old style" do
    expected = declare(node: "b", ttl: 60).request
    expect(declare(:run, "execute[x]", :node => "b", :ttl => 60).request).to eq expected # rubocop:disable Style/HashSyntax
    expect(declare(:run, "execute[x]", { node: "b", "ttl" => 60 }).request).to eq expected
    expect(declare(:run, "execute[x]", :delayed, { "node" => "b" }, ttl: 60).request).to eq expected
  end

  it "reads the request" do
    request = declare("restart", "service[nginx]", query: "role:web", ttl: 1.5, retry: 2).request
    expect(request.to_h).to include(action: "restart", key: "service[nginx]", query: "role:web", ttl_ms: 1500,
                                    retries: 2)
  end

  it "waits seven days by default" do
    expect(declare(node: "b").request.ttl_ms).to eq 604_800_000
  end

  it "makes equal requests equal, whatever the order" do
    one = declare(node: %w[a b], roles: "x", match: :any).request
    expect([one, one.hash]).to eq([declare(match: "any", roles: ["x"], node: %w[b a]).request].flat_map { |r|
      [r, r.hash]
    })
    expect(one).not_to eq declare(node: %w[a b], roles: "x").request
  end

  it "knows how long the run waits, which makes no other request of it" do
    expect(declare(node: "b", wait: 30).patience.limit_s).to eq(30)
    expect(declare(node: "b", wait: 30).request).to eq(declare(node: "b").request)
    expect(declare(node: "b").patience).to be_nil
  end

  it "labels the request for people" do
    expect(declare(node: "b").request.label).to eq "run execute[x] on b"
    expect(declare(node: %w[d c b a], tags: "t",
                   query: "q:1").request.label).to eq "run execute[x] on a,b and 2 more query:q:1 tags:t"
  end

  describe "mistakes" do
    {
      "no target" => [/no node is chosen/, {}],
      "an unknown option, with the nearest" => [/unknown option nodes:; did you mean node:\?/, { nodes: "b" }],
      "an unknown option, with the known ones" => [/unknown option zzzzz:; known are node: roles:/,
                                                   { zzzzz: 1, node: "b" }],
      "a bad timing" => [/timing :later is unknown; use :before, :immediately or :delayed/,
                         { node: "b", timing: :later }],
      "a bad match" => [/match: :most is unknown/, { node: "b", match: :most }],
      "a bad when_none" => [/when_none: "never" is unknown/, { node: "b", when_none: :never }],
      "a bad ttl" => [/ttl: needs seconds from 1 to 2592000 \(30 days\), not "1h"/, { node: "b", ttl: "1h" }],
      "a ttl too long" => [/ttl: needs seconds/, { node: "b", ttl: 2_592_001 }],
      "an infinite ttl" => [/ttl: needs seconds/, { node: "b", ttl: Float::NAN }],
      "a bad retry" => [/retry: needs a whole number from 0 to 10, not 11/, { node: "b", retry: 11 }],
      "a bad query" => [/query: needs a Chef search/, { query: "" }]
    }.each do |mistake, (message, options)|
      it "refuses #{mistake}, naming file, line and resource" do
        line = __LINE__ + 1
        expect { declare(:run, "execute[x]", **options) }
          .to raise_error(FlockOfChefs::ConfigurationError, message) { |error|
            expect(error.message).to start_with "#{__FILE__}:#{line}: remote_notifies of file[/tmp/fubar]: "
            expect(error.code).to eq "invalid_notification"
          }
      end
    end

    it "refuses a timing given twice" do
      expect { declare(:run, "execute[x]", :delayed, node: "b", timing: :before) }
        .to raise_error(FlockOfChefs::ConfigurationError, /given twice/)
    end

    it "refuses bad actions" do
      [nil, "", :nothing, %i[a b], "rm -rf", "a" * 65, 5].each do |action|
        expect { declare(action, node: "b") }.to raise_error(FlockOfChefs::ConfigurationError, /is not an action/)
      end
    end

    it "refuses what is no Hash in the place of one" do
      expect { declare(:run, "execute[x]", :delayed, "b") }
        .to raise_error(FlockOfChefs::ConfigurationError, /"b" is not a Hash of options/)
    end

    it "refuses a bad resource" do
      expect { declare(:run, "execute", node: "b") }.to raise_error(FlockOfChefs::ConfigurationError, /type\[name\]/)
    end
  end
end
