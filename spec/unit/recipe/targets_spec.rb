# frozen_string_literal: true

require "flock_of_chefs/recipe/targets"

RSpec.describe FlockOfChefs::Recipe::Targets do
  def parse(**options) = described_class.parse(options)

  it "gives all fields of the draft" do
    expect(parse(node: "a")).to eq(
      "nodes" => ["a"], "roles" => [], "recipes" => [], "tags" => [], "services" => [], "environment" => "",
      "policy_name" => "", "policy_group" => "", "cloud" => "", "match" => "all", "when_none" => "undeliverable"
    )
  end

  it "takes a name or a list, sorted and without doubles" do
    expect(parse(node: %i[b a], roles: "web", tags: %w[x x])).to include("nodes" => %w[a b], "roles" => ["web"],
                                                                         "tags" => ["x"])
  end

  it "takes one name for the others" do
    expect(parse(environment: "prod", policy_name: "p", policy_group: :g, cloud: "dc1"))
      .to include("environment" => "prod", "policy_name" => "p", "policy_group" => "g", "cloud" => "dc1")
    expect { parse(environment: %w[a b]) }.to raise_error(ArgumentError, /environment: needs a name, not \["a", "b"\]/)
  end

  it "wants at least one target" do
    expect { parse(match: :any) }.to raise_error(ArgumentError, /no node is chosen; say which/)
  end

  it "refuses empty targets, which would reach more nodes instead of none" do
    expect { parse(node: []) }.to raise_error(ArgumentError, /node: is an empty list/)
    [nil, "", " ", ["a", nil], 5, "a\nb"].each do |value|
      expect { parse(node: value, roles: "x") }.to raise_error(ArgumentError, /node: needs a name/), value.inspect
    end
    expect { parse(environment: nil, node: "a") }.to raise_error(ArgumentError, /environment: needs a name, not nil/)
  end

  it "refuses names that the agent would refuse, where the recipe's line is known" do
    ["a b", "a/b", "a\\b", "a\u00A0b"].each do |value|
      expect { parse(node: value) }.to raise_error(ArgumentError, /is no node's name/), value.inspect
    end
    expect { parse(roles: "role[web]") }.to raise_error(ArgumentError, /write 'web' in place of 'role\[web\]'/)
    expect { parse(recipes: ["recipe[a::b]"]) }.to raise_error(ArgumentError, /write 'a::b'/)
    expect(parse(node: "döner-1.example.com", tags: "a b")).to include("nodes" => ["döner-1.example.com"])
  end

  it "limits names and lists" do
    expect { parse(node: "x" * 256) }.to raise_error(ArgumentError, /longer than 255 bytes/)
    expect { parse(node: (0..1000).map(&:to_s)) }.to raise_error(ArgumentError, /has 1001 names; at most 1000/)
    expect { parse(tags: (0..64).map(&:to_s)) }.to raise_error(ArgumentError, /has 65 names; at most 64/)
  end

  it "takes all, any, a number or a share for match:" do
    { :all => "all", "any" => "any", 3 => "3", "3" => "3", "50%" => "50%", "100%" => "100%" }
      .each { |given, text| expect(parse(node: "a", match: given)["match"]).to eq text }
    [0, -1, 1.5, "0%", "101%", "50 %", :some, nil, ""].each do |value|
      expect do
        parse(node: "a", match: value)
      end.to raise_error(ArgumentError, /match: .* is unknown; use :all/), value.inspect
    end
  end

  it "takes undeliverable, warn or wait for when_none:" do
    %w[undeliverable warn wait].each { |word| expect(parse(node: "a", when_none: word.to_sym)["when_none"]).to eq word }
    expect { parse(node: "a", when_none: :ignore) }.to raise_error(ArgumentError, /when_none: "ignore" is unknown/)
    expect { parse(query: "*:*", when_none: :wait) }.to raise_error(ArgumentError, /cannot wait for a query:/)
  end
end
