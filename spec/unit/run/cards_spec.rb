# frozen_string_literal: true

require "support/worker_chef"

RSpec.describe FlockOfChefs::Run::Cards do
  let(:run_context) { WorkerChef.run_context }
  let(:cards) { described_class.collect(run_context).to_h { |card| [card["key"], card] } }

  # Chef keeps a resource class for good.
  before(:context) do
    Class.new(Chef::Resource) do
      provides :cards_spec_secret
      self.resource_name = :cards_spec_secret
      property :sensitive, [true, false], default: true
    end
  end

  def declare(...) = WorkerChef.declare(run_context, ...)

  # What Chef's own collection keeps of an action.
  def record(resource, nesting_level)
    run_context.action_collection ||= Chef::ActionCollection.new(run_context.events, run_context)
    run_context.action_collection.action_records << Chef::ActionCollection::ActionRecord.new(resource, :run,
                                                                                             nesting_level)
  end

  def nested(type, name, &block) = WorkerChef.declare(run_context.create_child, type, name, &block)

  it "describes a resource as cards.json does" do
    declare(:execute, "kill all humans") { action :nothing }
    expect(cards.values).to eq([{
                                 "key" => "execute[kill all humans]", "type" => "execute", "name" => "kill all humans",
                                 "sensitive" => false, "cookbook" => "cb", "recipe" => "default", "line" => 7,
                                 "allowed_actions" => %w[nothing run], "declared_actions" => %w[nothing],
                                 "default_action" => %w[run], "duplicate" => false, "nested" => false
                               }])
  end

  it "trap 10: keys on what the recipe says, not on the class that it became" do
    run_context.node.automatic["platform"] = "debian"
    run_context.node.automatic["platform_family"] = "debian"
    package = declare(:package, "vim")
    expect(package.to_s).to eq("apt_package[vim]")
    expect(cards.keys).to eq(["package[vim]"])
  end

  it "keeps brackets and commas in names" do
    declare(:execute, "echo [a, b]")
    expect(cards["execute[echo [a, b]]"]).to include("name" => "echo [a, b]")
  end

  it "lists a key that is declared twice once, flagged" do
    2.times { declare(:execute, "x") }
    declare(:execute, "y")
    expect(cards.transform_values { |card| card["duplicate"] }).to eq("execute[x]" => true, "execute[y]" => false)
  end

  it "flags what is sensitive by its own property, its class's default, or because nobody can tell" do
    declare(:file, "plain")
    declare(:file, "own") { sensitive true }
    declare(:cards_spec_secret, "default")
    declare(:file, "broken") { sensitive(lazy { Integer("no") }) }
    expect(cards.transform_values { |card| card["sensitive"] }).to eq(
      "file[plain]" => false, "file[own]" => true, "cards_spec_secret[default]" => true, "file[broken]" => true
    )
  end

  it "lists what ran inside custom resources as nested, unless a recipe declares it, too" do
    declare(:execute, "outer")
    record(declare(:execute, "run by a block"), 1)
    record(nested(:execute, "inner"), 1)
    record(nested(:execute, "outer"), 2)
    record(nested(:execute, "not inside"), 0)
    expect(cards.transform_values { |card| card["nested"] }).to eq(
      "execute[outer]" => false, "execute[run by a block]" => false, "execute[inner]" => true
    )
  end

  it "trap 10: takes the blank that Chef keeps of a sensitive nested resource for sensitive" do
    record(Chef::Resource::Execute.new("secret name"), 1)
    expect(cards["execute[secret name]"]).to include("sensitive" => true, "nested" => true, "cookbook" => nil,
                                                     "line" => nil)
  end

  it "limits how many nested resources it lists" do
    stub_const("#{described_class}::NESTED_LIMIT", 2)
    5.times { |index| record(nested(:execute, "n#{index}"), 1) }
    expect(cards.size).to eq(2)
  end

  it "counts what the run itself subscribes to as declared" do
    declare(:execute, "x") { action :nothing }
    declare(:execute, "y") { action :run }
    subscribed = { "execute[x]" => %w[run], "execute[y]" => %w[run], "execute[gone]" => %w[run] }
    expect(described_class.collect(run_context, subscribed: subscribed).map { |card| card["declared_actions"] })
      .to eq([%w[nothing run], %w[run]])
    expect(run_context.resource_collection.lookup("execute[x]").action).to eq([:nothing])
  end

  it "does not list our own proxies" do
    declare(:execute, "to another node").declared_type = :flock_notification
    record(nested(:execute, "x").tap { |proxy| proxy.declared_type = :flock_notification }, 1)
    expect(cards).to be_empty
  end

  it "collects from the root whichever context it is given" do
    declare(:execute, "x")
    expect(described_class.collect(run_context.create_child).size).to eq(1)
  end
end
