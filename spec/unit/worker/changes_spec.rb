# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"
require "flock_of_chefs/worker/changes"

RSpec.describe FlockOfChefs::Worker::Changes do
  include ChefLog
  include RecipeRunHelpers

  let(:changes) { described_class.new }

  it "has what is really updated, as a worker's result tells it" do
    target = path
    converge(subscribers: [changes]) do
      file target do
        content "x"
        sensitive true
        notifies :run, "ruby_block[later]", :delayed
      end
      ruby_block("later") { block {} && action(:nothing) }
    end
    expect(changes.to_a.map { |change| change.slice("key", "action", "sensitive") })
      .to eq [{ "key" => "file[#{target}]", "action" => "create", "sensitive" => true },
              { "key" => "ruby_block[later]", "action" => "run", "sensitive" => false }]
    expect(changes.to_a).to all(include("recipe" => "cb::default", "line" => be_an(Integer)))
    expect(changes.to_a.map(&:size)).to eq [5, 5]
  end

  it "keeps each as it happens: a worker that is killed leaves no result" do
    kept = "#{path}.changes"
    lines = -> { File.readlines(kept).map { |line| JSON.parse(line) } }
    seen = []
    converge(subscribers: [described_class.new(kept)]) do
      ruby_block("first") { block {} }
      ruby_block("second") { block { seen.concat(lines.call) } }
    end
    expect(seen.map { |change| change["key"] }).to eq ["ruby_block[first]"]
    expect(lines.call.map { |change| change["key"] }).to eq ["ruby_block[first]", "ruby_block[second]"]
    expect(File.stat(kept).mode & 0o777).to eq 0o600
  end

  { "LIMIT" => [2, 2], "LIMIT_BYTES" => [45, 2] }.each do |limit, (most, reported)|
    it "stops at #{limit}, and says so once: a result that is too large would be none" do
      stub_const("#{described_class}::#{limit}", most)
      log = chef_log do
        @run = converge(subscribers: [changes]) { 4.times { |number| ruby_block("number #{number}") { block {} } } }
      end
      expect([@run.error, changes.to_a.size]).to eq [nil, reported]
      expect(log.scan("cannot report what the action updates").size).to eq 1
    end
  end
end
