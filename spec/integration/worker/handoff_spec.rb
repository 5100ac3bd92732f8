# frozen_string_literal: true

require "support/worker_node"

# Notifications to other nodes that an action sends while it runs in a worker.
RSpec.describe "An action that notifies other nodes" do
  before do
    skip "the recipe words are not part of this checkout" unless File.exist?(File.join(WorkerNode::LIB,
                                                                                       "flock_of_chefs/chef.rb"))

    @node = WorkerNode.new
    # The recipe words, without their event subscriber: there is no agent here.
    @node.write("client.rb", "#{@node.read("client.rb")}\nrequire 'flock_of_chefs/chef'\n" \
                             "event_handlers.reject! { |handler| handler.class.name == 'FlockOfChefs::Run::Events' }\n")
    @node.cookbook("cb", "recipes/default.rb" => recipe)
    @node.converge
  end

  after { @node&.close }

  attr_reader :node

  def recipe
    <<~RUBY
      file '#{@node.path("changed")}' do
        content 'x'
        action :nothing
        remote_notifies :run, 'execute[other]', :immediately, node: 'bender2'
        remote_notifies :restart, 'service[web]', :delayed, node: 'bender2'
      end
      file('#{@node.path("quiet")}') { content 'x'; action :nothing }
      ruby_block('at compile time') { block {} ; compile_time true }
      file('#{@node.path("subscribes")}') do
        content 'x'
        action :nothing
        remote_subscribes :create, 'file[/elsewhere]', node: 'bender2'
        notifies :create, 'file[#{@node.path("quiet")}]', :delayed
      end
    RUBY
  end

  it "puts them into its result, with the chain that led to them" do
    result = node.fire("file[#{node.path("changed")}]", "create")
    expect(result).to include("status" => "done", "updated" => true, "resources_updated" => 1)
    sent = result["drafts"].map { |draft| draft.slice("key", "action", "timing", "cause_root") }
    other = { "key" => "execute[other]", "action" => "run", "timing" => "immediately", "cause_root" => "root-1" }
    web = { "key" => "service[web]", "action" => "restart", "timing" => "delayed", "cause_root" => "root-1" }
    expect(sent).to eq([other, web])
    expect(result["drafts"]).to all(include("chain" => [include("node" => "bender1")], "id" => /\A\h{8}-\h{4}-7/))
    expect(result["drafts"].flat_map { |draft| draft["sources"].map { |source| source["key"] } }.uniq)
      .to eq(["file[#{node.path("changed")}]"])
  end

  it "sends nothing when nothing was updated" do
    node.write("changed", "x")
    expect(node.fire("file[#{node.path("changed")}]", "create")).to include("updated" => false, "drafts" => [])
    expect(node.fire("file[#{node.path("quiet")}]", "create")).to include("updated" => true, "drafts" => [])
  end

  it "reports what was really updated, for the nodes that subscribe to it" do
    subscribing, quiet = %w[subscribes quiet].map { |name| node.path(name) }
    result = node.fire("file[#{subscribing}]", "create")
    expect(result["changes"]).to match [
      { "key" => "file[#{subscribing}]", "action" => "create", "recipe" => "cb::default",
        "line" => an_instance_of(Integer), "sensitive" => false },
      include("key" => "file[#{quiet}]", "action" => "create")
    ]
    kept = File.readlines(File.join(node.data_dir, "results", "#{result["job"]}.changes"))
    expect(kept.map { |line| JSON.parse(line) }).to eq(result["changes"])
    expect(node.fire("file[#{subscribing}]", "create")).to include("updated" => false, "changes" => [])
  end

  it "trap 10: lists no proxy among the cards" do
    expect(node.cards.keys.grep(/flock_notification/)).to be_empty
  end
end
