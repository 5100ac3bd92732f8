# frozen_string_literal: true

require "support/chef_process"

# What real runs of chef-client leave behind for subscriptions: what they subscribe to, and what they changed.
RSpec.describe "remote_subscribes and the journal in chef-client" do
  before(:context) do
    @chef = ChefProcess.new(snapshot: :real)
    run("") # the examples count from a run before them
  end

  after(:context) { @chef.close }

  attr_reader :chef

  def run(recipe, *arguments, **options)
    chef.recipe(recipe)
    chef.client("-r", "recipe[cb]", *arguments, **options)
  end

  def generation = File.read(chef.path("data/snapshots/current"))

  def saved(name)
    JSON.parse(File.read(chef.path("data/snapshots/#{generation}/#{name}.json")))
  end

  def next_number = chef.run_json["number"] + 1

  def in_chef(name) = chef.path(name)

  # A recipe that subscribes, with one change.
  def subscriber(name = rand.to_s)
    <<~RUBY
      file '/tmp/fubar' do
        action :nothing
        content 'foobar'
        remote_subscribes :create, 'execute[kill all humans]', :node => 'bender0'
      end
      file('#{in_chef(name)}') { content 'x' }
    RUBY
  end

  it "leaves what it subscribes to in its snapshot; the next run without it takes it back" do
    result = run(subscriber)
    expect(result.status).to eq(0), result.output
    expect(saved("subscriptions")["generation"].to_s).to eq generation
    expect(saved("subscriptions")["subscriptions"]).to match [
      include("source_key" => "execute[kill all humans]", "key" => "file[/tmp/fubar]", "action" => "create",
              "sources" => include("nodes" => ["bender0"]), "recipe" => "cb::default", "line" => 1)
    ]
    expect(saved("cards")["cards"].find { |card| card["key"] == "file[/tmp/fubar]" })
      .to include("declared_actions" => %w[nothing create])

    expect(run(%(log "nothing more"\n)).status).to eq 0
    expect(saved("subscriptions")["subscriptions"]).to eq []
  end

  it "writes its journal before it says that it is over" do
    run(subscriber("made"))
    expect(chef.journal(chef.run_json["number"])).to match [
      { "n" => 1, "key" => "file[#{in_chef("made")}]", "action" => "create", "recipe" => "cb::default", "line" => 6,
        "sensitive" => false, "run_id" => chef.run_json["run_id"] }, { "end" => "succeeded" }
    ]

    number = next_number
    run(subscriber("made"))
    expect([chef.run_json.values_at("number", "phase"), chef.journal(number)]).to eq [[number, "succeeded"], nil]
  end

  it "ends the journal of a run that fails, and keeps the subscriptions of the last one that did not" do
    run(subscriber)
    before = generation
    result = run(%(ruby_block("change") { block {} }\nruby_block("fail") { block { raise "on purpose" } }\n))
    expect(result.output).to include "on purpose"
    expect(chef.journal(chef.run_json["number"]).map { |line| line.values_at("key", "end") })
      .to eq [["ruby_block[change]", nil], [nil, "failed"]]
    expect([generation, saved("subscriptions")["subscriptions"].size]).to eq [before, 1]
  end

  it "leaves the lines of a run that is killed, without an end" do
    run(%(log "a number to count from"\n))
    number = next_number
    result = run(<<~RUBY, "--no-fork")
      ruby_block("change") { block {} }
      ruby_block("dies") { block { Process.kill(:KILL, Process.pid) } }
    RUBY
    expect(result.status).to be_nil
    expect(chef.journal(number).map { |line| line["key"] || line["end"] }).to eq ["ruby_block[change]"]
  end

  it "tells the agent at once of an update that somebody waits for" do
    run(%(log "make the folder"\n))
    FileUtils.mkdir_p(chef.path("data/journal"))
    File.write(chef.path("data/journal/watched"), JSON.generate(["ruby_block[watched]"]))
    FileUtils.rm_f(chef.path("calls"))
    run(%(%w[other watched].each { |name| ruby_block(name) { block {} } }\n))
    # At its start, for the update, and at its end.
    expect(chef.calls.map { |call| call["payload"].values_at("phase", "number") })
      .to eq(%w[running running succeeded].map { |phase| [phase, chef.run_json["number"]] })
  end

  it "leaves nothing in a why-run" do
    number = next_number
    result = run(subscriber, "--why-run")
    expect(result.status).to eq(0), result.output
    expect([chef.run_json["number"], chef.journal(number)]).to eq [number - 1, nil]
  end

  it "stops the run with the recipe's line when it is written wrongly" do
    result = run(%(log "one"\nfile("/nowhere") do\n  remote_subscribes :create, "execute", node: "b"\nend\n))
    expect(result.status).not_to eq 0
    expect(result.output)
      .to include(%(cb/recipes/default.rb:3: remote_subscribes of file[/nowhere]: "execute" is not a resource))
  end
end
