# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"

# Subscribes from inside its action, where it cannot.
class WordsSubscriber < Chef::Resource
  provides :words_subscriber
  unified_mode true
  property :file_name, String, name_property: true

  action(:run) do
    file(new_resource.file_name) { remote_subscribes :create, "execute[x]", node: "b" }
  end
end

# A cookbook that has a property of our word's name.
class WordsSubscribesProperty < Chef::Resource
  provides :words_subscribes_property
  unified_mode true
  property :remote_subscribes, String

  action(:run) { file(new_resource.remote_subscribes) { content "own" } }
end

RSpec.describe "remote_subscribes" do
  include ChefLog
  include RecipeRunHelpers

  let(:sources) do
    { "nodes" => ["bender0"], "roles" => [], "recipes" => [], "tags" => [], "services" => [], "environment" => "",
      "policy_name" => "", "policy_group" => "", "cloud" => "" }
  end

  def refused(&)
    converge(&).error.tap do |error|
      expect(error).to be_a(FlockOfChefs::ConfigurationError)
      expect(error.code).to eq "invalid_subscription"
    end
  end

  it "records what the seed's own example asks for" do
    target = path
    line = __LINE__ + 2
    run = converge do
      file target do
        action :nothing
        content "foobar"
        remote_subscribes :create, "execute[kill all humans]", :node => "bender0" # rubocop:disable Style/HashSyntax
      end
    end
    expect(run.error).to be_nil
    expect(run.subscriptions).to match [
      { "id" => /\A\h{32}\z/, "source_key" => "execute[kill all humans]", "key" => "file[#{target}]",
        "action" => "create", "timing" => "immediately", "sources" => sources, "ttl_ms" => 604_800_000, "retry" => 0,
        "recipe" => "cb::default", "line" => line }
    ]
  end

  it "takes every form that remote_notifies takes" do
    run = converge do
      file "/x" do
        action :nothing
        remote_subscribes(:create, "file[a]", { "node" => "b" })
        remote_subscribes "touch", { "file" => "a,b" }, :delayed, { roles: %w[y x] }, ttl: 60, retry: 1
        remote_subscribes :delete, "file[a]", environment: "prod", timing: :immediate
      end
    end
    expect(run.error).to be_nil
    expect(run.subscriptions.map { |entry| entry.values_at("source_key", "action", "timing", "ttl_ms", "retry") })
      .to eq [["file[a]", "create", "immediately", 604_800_000, 0], ["file[a,b]", "touch", "delayed", 60_000, 1],
              ["file[a]", "delete", "immediately", 604_800_000, 0]]
    expect(run.subscriptions.map { |entry| entry["sources"].reject { |_, value| value.empty? } })
      .to eq [{ "nodes" => ["b"] }, { "roles" => %w[x y] }, { "environment" => "prod" }]
  end

  it "changes nothing in the run: neither the resource runs nor anything is sent" do
    target = path
    run = converge do
      ruby_block("kill all humans") { block {} }
      file target do
        action :nothing
        remote_subscribes :create, "ruby_block[kill all humans]", node: "bender0"
      end
    end
    expect([run.error, run.drafts, File.exist?(target)]).to eq [nil, [], false]
    expect(run.run_context.resource_collection.lookup("file[#{target}]").instance_variables.grep(/flock|subscr/))
      .to be_empty
  end

  it "records equal declarations once, whatever the order, and others apart" do
    run = converge do
      file "/x" do
        action :nothing
        remote_subscribes :create, "file[a]", node: %w[b c], tags: "t"
        remote_subscribes :create, "file[a]", tags: ["t"], node: %w[c b]
        remote_subscribes :create, "file[a]", :delayed, node: %w[b c], tags: "t"
        remote_subscribes :create, "file[a]", node: "b"
      end
      file("/y") { remote_subscribes :create, "file[a]", node: "b" }
    end
    expect(run.subscriptions.map { |entry| entry["id"] }.uniq.size).to eq 4
    expect(run.subscriptions.size).to eq 4
  end

  it "declares whatever the guards of the resource say, as Chef's own subscribes" do
    run = converge do
      file "/x" do
        only_if { false }
        remote_subscribes :create, "file[a]", node: "b"
      end
    end
    expect(run.subscriptions.size).to eq 1
  end

  it "names the declared type, not the resolved one (trap 10)" do
    run = converge do
      package "vim" do
        action :nothing
        remote_subscribes :upgrade, "file[a]", node: "b"
      end
    end
    expect(run.subscriptions.map { |entry| entry["key"] }).to eq ["package[vim]"]
  end

  it "leaves a cookbook's own property of that name alone" do
    target = path
    run = converge { declare_resource(:words_subscribes_property, "outer") { remote_subscribes target } }
    expect([run.error, File.read(target), run.subscriptions]).to eq [nil, "own", []]
  end

  describe "mistakes" do
    {
      "a query in place of targets that is none" => [/query: needs a Chef search/, { query: " " }],
      "no node" => [/no node is chosen/, {}],
      "match:" => [/match: cannot be: every node that is chosen is a source; leave it out/, { node: "b", match: :any }],
      "when_none:" => [/when_none: cannot be: .*waits.*; leave it out/, { node: "b", when_none: :wait }],
      "the timing before" => [/timing :before cannot be: .*; use :immediately or :delayed/,
                              { node: "b", timing: :before }],
      "an unknown timing" => [/timing :later is unknown; use :immediately or :delayed/, { node: "b", timing: :later }],
      "an unknown option" => [/unknown option nod:; did you mean node:\?/, { nod: "b" }]
    }.each do |mistake, (message, options)|
      it "refuses #{mistake}, with the recipe's line" do
        line = __LINE__ + 1
        error = refused { file("/x") { remote_subscribes :create, "file[a]", **options } }
        expect(error.message).to start_with("#{__FILE__}:#{line}: remote_subscribes of file[/x]: ").and match(message)
      end
    end

    it "refuses an action that the resource has not, naming those that it has" do
      error = refused { file("/x") { remote_subscribes :restart, "file[a]", node: "b" } }
      expect(error.message).to match(/file has no action :restart; it has .*:create.*:delete/)
    end

    it "refuses what is no resource" do
      expect(refused { file("/x") { remote_subscribes :create, "file", node: "b" } }.message).to include "type[name]"
    end

    it "refuses a resource inside a custom resource, with the remedy" do
      target = path
      error = converge { declare_resource(:words_subscriber, target) }.error
      expect(error.message).to include("remote_subscribes of file[#{target}]", "inside a custom resource",
                                       "write remote_subscribes on the custom resource itself")
      expect(File).not_to exist(target)
    end

    it "refuses more than a node may have" do
      stub_const("FlockOfChefs::Recipe::Limits::SUBSCRIPTIONS", 2)
      error = refused do
        file("/x") { 3.times { |number| remote_subscribes :create, "file[#{number}]", node: "b" } }
      end
      expect(error.message).to include "a node may have 2 subscriptions"
    end

    it "refuses one that is too large" do
      names = Array.new(400) { |number| "#{number}#{"x" * 200}" }
      error = refused { file("/x") { remote_subscribes :create, "file[a]", node: names } }
      expect(error.message).to match(/at most 65536 are possible.*roles:/)
    end
  end

  describe "with a query" do
    def search(rows, total: rows.size)
      query = instance_double(Chef::Search::Query)
      allow(query).to receive(:search).with(:node, "role:web", anything)
                                      .and_return([rows.map { |name| { "name" => name } }, 0, total])
      allow(Chef::Search::Query).to receive(:new).and_return(query)
    end

    def subscribe
      converge { file("/x") { remote_subscribes :create, "file[a]", query: "role:web" } }
    end

    before { require "chef/search/query" }

    it "names the nodes that are found in the run" do
      search(%w[web2 web1 web1])
      expect(subscribe.subscriptions.map { |entry| entry["sources"]["nodes"] }).to eq [%w[web1 web2]]
    end

    it "records nothing when nobody is found, and says so" do
      search([])
      log = chef_log { expect(subscribe.subscriptions).to eq [] }
      expect(log).to include "no node matches; nothing is subscribed to"
    end

    it "stops the run, with the recipe's line, when the search fails or finds too many" do
      search(["b"], total: 1_001)
      expect(subscribe.error.message).to match(/subscribes_spec.rb:\d+: remote_subscribes of .*finds 1001 nodes/)
      allow(Chef::Search::Query).to receive(:new).and_raise(Errno::ECONNREFUSED)
      expect(subscribe.error.message).to match(/subscribes_spec.rb:\d+: remote_subscribes of .*refused/)
    end
  end

  describe "where nothing is recorded" do
    def subscribe(**options)
      converge(**options) { ruby_block("x") { block {} && remote_subscribes(:run, "file[a]", query: "never:asked") } }
    end

    {
      "a why-run" => -> { @options = { why_run: true } },
      "an old Chef" => -> { stub_const("Chef::VERSION", "15.17.4") },
      "Target Mode" => -> { allow(Chef::Config).to receive(:target_mode?).and_return(true) },
      "ChefSpec" => -> { stub_const("ChefSpec", Module.new) }
    }.each do |surroundings, set_up|
      it "is #{surroundings}, which is said once; the words are checked there, too (trap 12)" do
        instance_exec(&set_up)
        log = chef_log { @run = subscribe(**@options.to_h) }
        expect([@run.error, @run.subscriptions]).to eq [nil, []]
        expect(log.scan("remote subscriptions are not recorded: ").size).to eq 1
        expect(converge(**@options.to_h) { ruby_block("x") { remote_subscribes :run, "file" } }.error)
          .to be_a(FlockOfChefs::ConfigurationError)
      end
    end

    it "is a worker's compile" do
      run = RecipeRun.new { file("/x") { remote_subscribes :create, "file[a]", node: "b" } }
      FlockOfChefs::Run::Handoff.redirect([])
      run.compile
      expect(run.subscriptions).to eq []
    ensure
      FlockOfChefs::Run::Handoff.current = nil
    end

    it "is a resource outside any run" do
      resource = Chef::Resource::File.new(path)
      expect(resource.remote_subscribes(:create, "file[a]", node: "b")).to be true
      expect { resource.remote_subscribes(:create, "file", node: "b") }
        .to raise_error(FlockOfChefs::ConfigurationError)
    end
  end
end
