# frozen_string_literal: true

require "chef"
require "flock_of_chefs/recipe/declaration"
require "flock_of_chefs/recipe/subscription"

RSpec.describe FlockOfChefs::Recipe::Subscription do
  let(:resource) { named("/tmp/fubar") }

  def named(name) = Chef::Resource::File.new(name).tap { |file| file.declared_type = :file }

  def subscription(resource = self.resource, spec: "execute[kill all humans]", **options)
    word = FlockOfChefs::Recipe::Word::SUBSCRIBES
    arguments = [:create, spec, nil, nil]
    declaration = FlockOfChefs::Recipe::Declaration.new(word, resource, caller_locations(1, 1).first, arguments,
                                                        { node: "bender0", **options })
    described_class.of(declaration, resource)
  end

  # The subscription lives in the registry under its id: a release that computed another one would end every
  # subscription and begin it anew, and what changed in between would be lost.
  it "has an id that stays what it is" do
    expect(subscription.id).to eq "135f029a2d53b8f3a1a32a9d2d5c0c78"
  end

  it "has one id for equal requests, wherever they stand, and another for others" do
    resource.source_line = "/cb/recipes/other.rb:99:in `x'"
    same = subscription(node: ["bender0"], ttl: 604_800, retry: 0)
    others = [subscription(retry: 1), subscription(ttl: 60), subscription(timing: :delayed), subscription(tags: "t"),
              subscription(spec: "execute[x]"), subscription(named("/tmp/other"))]
    expect(same.id).to eq subscription.id
    expect([subscription, *others].map(&:id).uniq.size).to eq 7
  end

  it "is plain data" do
    expect(JSON.parse(JSON.generate(subscription.to_entry))).to eq subscription.to_entry
  end

  it "refuses names that nobody could write, with a reason" do
    expect { subscription(named("caf\xE9")) }.to raise_error(ArgumentError, /is no UTF-8/)
    expect { subscription(named("x" * 5_000)) }.to raise_error(ArgumentError, /5006 bytes; at most 4096/)
  end

  it "writes other encodings as UTF-8" do
    latin = "café".encode(Encoding::ISO_8859_1)
    expect(subscription(named(latin)).key).to eq "file[café]"
  end
end
