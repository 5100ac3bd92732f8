# frozen_string_literal: true

require_relative "../support/acceptance"

RSpec.describe "the targets of a notification", :acceptance do
  include_context "with one flock"

  before(:context) do
    @hub = fleet.hub("hub0")
    @web = fleet.join("web1", tags: ["blue"], roles: { "web" => ["recipe[acceptance]"] })
    @stage = fleet.join("stage1", environment: "staging")
    @web.converge!(appending("mark", "web1"), run_list: "role[web]")
    @stage.converge!(appending("mark", "stage1"))
  end

  { "name" => ['node: "web1"', %w[web1]], "list" => ["node: %w[web1 stage1]", %w[stage1 web1]],
    "role" => ['roles: "web"', %w[web1]], "tag" => ['tags: "blue"', %w[web1]],
    "environment" => ['environment: "staging"', %w[stage1]] }.each do |kind, (options, expected)|
    it "are found by #{kind}" do
      expect(outcomes(@hub, options, count: expected.length).map { |sent| sent["state"] }.uniq).to eq(["done"])
      expect(fired.sort).to eq(expected)
    end
  end

  it "are found by query, a Chef search of the sender's run" do
    FileUtils.mkdir_p(@hub.path("repo/nodes"))
    FileUtils.cp_r(@web.path("repo/nodes/web1.json"), @hub.path("repo/nodes"))
    outcomes(@hub, 'query: "role:web"')
    expect(fired).to eq(%w[web1])
  end

  it "may be none, which is said" do
    expect(outcomes(@hub, 'roles: "nobody"')).to match([a_hash_including("state" => "undeliverable",
                                                                         "code" => "no_target")])
  end
end
