# frozen_string_literal: true

require "support/recipe_run"
require "flock_of_chefs/run/changes"

# It changes the node in two ways.
class ChangingInside < Chef::Resource
  provides :changing_inside
  unified_mode true
  property :made, String

  action(:run) { file(new_resource.made) { content "x" } }
  action(:half) do
    file(new_resource.made) { content "x" }
    raise "on purpose"
  end
end

RSpec.describe FlockOfChefs::Run::Changes do
  include RecipeRunHelpers

  def changes(**options, &recipe)
    seen = []
    @run = converge(subscribers: [described_class.new { |change| seen << change }], **options, &recipe)
    seen
  end

  def keys(...) = changes(...).map { |change| change.values_at("key", "action") }

  it "are the resources that were really updated, by the recipe's own names" do
    made = path
    seen = changes do
      file(made) { content "x" }
      file("#{made} again") { (path made) && (content "x") }
    end
    expect(seen).to eq [{ "key" => "file[#{made}]", "action" => "create", "recipe" => "cb::default",
                          "line" => seen.first["line"], "sensitive" => false }]
  end

  it "are nested resources too" do
    made = path
    expect(keys { changing_inside("outer") { made made } })
      .to eq [["file[#{made}]", "create"], ["changing_inside[outer]", "run"]]
  end

  it "are none in a why-run and in the dry pass before a notification (trap 4)" do
    made = path
    expect(keys(why_run: true) { file(made) { content "x" } }).to eq []
    expect(keys do
      file("first") { (path "#{made}1") && (action :nothing) && (content "x") }
      file("second") { (path "#{made}2") && (content "x") && notifies(:create, "file[first]", :before) }
    end).to eq [["file[first]", "create"], ["file[second]", "create"]]
  end

  it "are none of a resource that failed" do
    made = path
    expect(keys { changing_inside("outer") { (made made) && (action :half) } }).to eq [["file[#{made}]", "create"]]
    expect(@run.error.message).to include "on purpose"
  end

  it "are counted once when a resource succeeds at its second try" do
    tries = 0
    expect(keys do
      ruby_block("flaky") do
        retries 1
        retry_delay 0
        block { (tries += 1) == 2 || raise("once more") }
      end
    end).to eq [["ruby_block[flaky]", "run"]]
  end

  it "do not hold what only sends" do
    made = path
    expect(keys { file(made) { (content "x") && remote_notifies(:run, "execute[x]", node: "b") } })
      .to eq [["file[#{made}]", "create"]]
  end

  it "flag what is sensitive, and keep the real key, since it stays here" do
    made = path
    seen = changes { file(made) { (content "x") && (sensitive true) } }
    expect(seen.first).to include("key" => "file[#{made}]", "sensitive" => true)
  end

  it "never fail the run" do
    made = path
    broken = described_class.new { raise "the disk is full" }
    expect(converge(subscribers: [broken]) { file(made) { content "x" } }.error).to be_nil
    expect(File.read(made)).to eq "x"
  end
end
