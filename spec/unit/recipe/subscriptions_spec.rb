# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"

# A resource whose action declares resources of its own.
class SubscribingInside < Chef::Resource
  provides :subscribing_inside
  unified_mode true

  action(:run) { file("/nested") { remote_subscribes :create, "file[/a]", node: "b" } }
end

RSpec.describe FlockOfChefs::Recipe::Subscriptions do
  include ChefLog
  include RecipeRunHelpers

  def subscriptions(run) = described_class.of(run.run_context).map(&:to_h)

  # @return [Array<Hash>] what one resource subscribes to
  def declared(&words)
    subscriptions(converge { file("/x") { (action :nothing) && instance_exec(&words) } })
  end

  # @return [String] the error of a recipe that is written wrongly
  def mistake(&words) = converge { file("/x") { instance_exec(&words) } }.error.message

  it "keeps what the recipe says, and where" do
    entry = declared { remote_subscribes :create, "execute[kill all humans]", node: "bender0" }.first
    expect(entry).to match(
      "id" => /\A\h{32}\z/, "source_key" => "execute[kill all humans]", "key" => "file[/x]", "action" => "create",
      "timing" => "immediately", "ttl_ms" => 604_800_000, "retry" => 0, "recipe" => "cb::default",
      "line" => a_kind_of(Integer), "sources" => a_hash_including("nodes" => ["bender0"], "roles" => [])
    )
    expect(entry["sources"].keys).not_to include("match", "when_none")
  end

  it "takes the old style and a timing, by position or by name" do
    old = declared { remote_subscribes(:create, "file[/a]", :node => "b") } # rubocop:disable Style/HashSyntax
    expect(old.first["sources"]["nodes"]).to eq ["b"]
    later = declared { remote_subscribes :create, "file[/a]", :delayed, roles: "web" }
    expect(later.map { |entry| entry["timing"] }).to eq ["delayed"]
    expect(declared { remote_subscribes :create, "file[/a]", roles: "web", timing: :delayed }).to eq later
  end

  it "gives the same declaration the same id, wherever it stands, and keeps it once" do
    one = declared { remote_subscribes :create, "file[/a]", node: %w[b c] }
    same = declared do
      2.times { remote_subscribes :create, "file[/a]", node: %w[c b] }
    end
    other = declared { remote_subscribes :delete, "file[/a]", node: %w[b c] }
    expect(same.map { |entry| entry["id"] }).to eq(one.map { |entry| entry["id"] })
    expect(other.first["id"]).not_to eq one.first["id"]
  end

  it "knows the resource by its name, in whatever order the recipe sets it" do
    expect(declared { remote_subscribes :create, "file[/a]", node: "b" }.first["key"]).to eq "file[/x]"
  end

  describe "mistakes" do
    it "names the word, the file and the line" do
      expect(mistake { remote_subscribes :create, "execute", node: "b" })
        .to match(/#{__FILE__}:\d+: remote_subscribes of file\[.*\]: "execute" is not a resource; write 'type\[name\]'/)
    end

    {
      "a timing that is too early" => [:before, { node: "b" },
                                       /timing :before is unknown; use :immediately or :delayed/],
      "a choice" => [nil, { node: "b", match: :any },
                     /match: has no meaning here: it subscribes to every node that fits/],
      "an answer to nobody" => [nil, { node: "b", when_none: :wait }, /when_none: has no meaning here/],
      "no source" => [nil, {}, /say which node/],
      "an unknown option" => [nil, { nodes: "b" }, /unknown option nodes:; did you mean node:\?/]
    }.each do |what, (timing, options, message)|
      it "refuses #{what}" do
        expect(mistake { remote_subscribes :create, "file[/a]", timing, **options }).to match(message)
      end
    end

    it "refuses an action that the resource does not have" do
      expect(mistake { remote_subscribes :restart, "file[/a]", node: "b" })
        .to match(/file has no action :restart; it has .*:create/)
    end

    it "refuses a resource that cannot be fired from outside" do
      expect(converge { subscribing_inside("outer") }.error.message)
        .to match(/inside a custom resource .*write remote_subscribes at the custom resource/)
    end

    it "refuses more than a node may have" do
      stub_const("FlockOfChefs::Recipe::Limits::SUBSCRIPTIONS", 2)
      expect(mistake { 3.times { |number| remote_subscribes :create, "file[/#{number}]", node: "b" } })
        .to include("has 2 subscriptions already")
    end
  end

  describe "query:" do
    before { require "chef/search/query" }

    def found(*names)
      answer = instance_double(Chef::Search::Query, search: [names.map { |name| { "name" => name } }, 0, names.size])
      allow(Chef::Search::Query).to receive(:new).and_return(answer)
    end

    it "is asked while the recipe is compiled" do
      found("c", "b")
      entry = declared { remote_subscribes :create, "file[/a]", query: "role:web" }.first
      expect(entry["sources"]["nodes"]).to eq %w[b c]
    end

    it "subscribes to nobody, which is said, when it finds nobody" do
      found
      log = chef_log { expect(declared { remote_subscribes :create, "file[/a]", query: "role:web" }).to eq [] }
      expect(log).to include "no node matches; not subscribed"
    end

    it "is not asked by a run that changes nothing" do
      allow(Chef::Search::Query).to receive(:new).and_raise("asked")
      run = converge(why_run: true) { file("/x") { remote_subscribes :create, "file[/a]", query: "a:b" } }
      expect(run.error).to be_nil
    end
  end
end
