# frozen_string_literal: true

require "support/recipe_run"

# What a worker does: compile in a why-run, then run one resource for real and its delayed notifications after it.
RSpec.describe "remote_notifies in a worker" do
  include RecipeRunHelpers

  let(:collected) { [] }
  let(:run_context) do
    events = Chef::EventDispatch::Dispatcher.new
    Chef::RunContext.new(Chef::Node.build("bender1"), Chef::CookbookCollection.new({}), events)
  end

  after do
    FlockOfChefs::Run::Handoff.current = nil
    FlockOfChefs::Run::Handoff.cause = nil
    Chef::Config[:why_run] = false
  end

  def compile
    Chef::Config[:why_run] = true
    Chef::Recipe.new("cb", "default", run_context).instance_eval do
      ruby_block "target" do
        block { nil }
        action :nothing
        remote_notifies :run, "execute[now]", node: "c"
        remote_notifies :run, "execute[later]", :delayed, node: "c"
      end
    end
    Chef::Config[:why_run] = false
  end

  def redirect
    FlockOfChefs::Run::Handoff.redirect(collected)
    hop = { "node" => "bender1", "key" => "ruby_block[target]", "action" => "run" }
    FlockOfChefs::Run::Handoff.cause = { chain: [hop], cause_root: "root" }
  end

  def run_target
    target = run_context.resource_collection.lookup("ruby_block[target]")
    target.action(:run)
    runner = Chef::Runner.new(run_context)
    runner.run_all_actions(target)
    runner.delayed_actions.each { |item| runner.run_action(item.resource, item.action, :delayed) }
  end

  %i[before after].each do |moment|
    it "collects complete drafts if it is redirected #{moment} compiling" do
      redirect if moment == :before
      compile
      redirect if moment == :after
      expect(collected).to be_empty
      run_target
      expect(collected.map { |draft| draft.values_at("key", "timing", "cause_root") })
        .to eq [%w[execute[now] immediately root], %w[execute[later] delayed root]]
      expect(collected.map { |draft| draft["sources"].map { |source| source.values_at("key", "action") } })
        .to all(eq([["ruby_block[target]", "run"]]))
      expect(collected.map { |draft| draft["chain"].size }).to eq [1, 1]
      expect(collected.map { |draft| draft["id"] }.uniq.size).to eq 2
    end
  end

  it "needs no native code" do
    stub_const("FlockOfChefs::Native", Module.new) # that has nothing to call
    redirect
    compile
    run_target
    expect(collected.size).to eq 2
  end
end
