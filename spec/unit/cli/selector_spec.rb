# frozen_string_literal: true

require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Selector do
  def parse(text) = described_class.parse(text)

  {
    "role:web" => { roles: ["web"] },
    "role:web AND tag:canary" => { roles: ["web"], tags: ["canary"] },
    "roles:web and tags:a,b AND chef_environment:prod" =>
      { roles: ["web"], tags: %w[a b], environment: "prod" },
    "role:web AND role:db AND role:web" => { roles: %w[web db] },
    "node:web1,web2" => { nodes: %w[web1 web2] },
    'tag:"customer 42",plain AND cloud:dc1' => { tags: ["customer 42", "plain"], cloud: "dc1" },
    "recipe:nginx::default" => { recipes: ["nginx::default"] },
    'recipe:nginx\:\:default' => { recipes: ["nginx::default"] },
    "service:/human_api/kill" => { services: ["/human_api/kill"] },
    "  policy_group:prod AND policy_name:app " => { policy_group: "prod", policy_name: "app" }
  }.each do |text, meant|
    it("reads #{text}") { expect(parse(text)).to eq(meant) }
  end

  {
    "" => /KEY:VALUE/, "web" => /KEY:VALUE/, "role=web" => /KEY:VALUE/, "role:" => /a value is missing/,
    "rolle:web" => /rolle is no key; did you mean "role"\?/, "role:web OR role:db" => /join terms with AND/,
    "NOT role:web" => /only AND/, "(role:web)" => /only AND/, "role:web tag:x" => /join terms with AND/,
    "role:web AND" => /AND/, "name:web*" => /patterns/, "environment:a,b" => /one environment/,
    "environment:a AND environment:b" => /one environment/, 'tag:"open' => /a value is missing/
  }.each do |text, complaint|
    it "refuses #{text.inspect} and says why" do
      expect { parse(text) }.to raise_error(FlockOfChefs::ConfigurationError, complaint)
    end
  end

  it "writes what it reads" do
    names = ["web1", "a b", "x,y"]
    expect(parse(described_class.of_nodes(names))).to eq(nodes: names)
  end
end
