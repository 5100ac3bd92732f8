# frozen_string_literal: true

require "json"
require_relative "../support/fleet/context"

RSpec.describe "flockctl waits for other nodes and has Chef run there", :acceptance do
  include_context "with a fleet"

  # Its chef-client takes the run list that it is given.
  def callable(name)
    command = %w[bundle exec chef-client -z --no-color -c] + [File.join(fleet.dir, name, "client.rb")]
    fleet.join(name, agent_toml: "run_command = #{JSON.generate(command)}")
  end

  it "with the exit codes of all commands" do
    hub = fleet.hub("hub")
    nodes = %w[one two].map { |name| callable(name) }
    nodes.each { |node| node.write_cookbook("raise 'broken' if File.exist?('#{fleet.dir}/broken')\n") }
    ran = hub.flockctl("run-chef", "one", "--run-list", "recipe[acceptance]", "--wait", "120", "--format", "json")
    expect(ran.err).to eq("")
    expect([ran.exit_code, JSON.parse(ran.out)]).to match [0, [include("state" => "succeeded", "number" => 1)]]

    expect(hub.flockctl("wait", "one", "--for", "succeeded", "--timeout", "30").exit_code).to eq(0)
    both = hub.flockctl("wait", "one", "two", "--for", "succeeded", "--timeout", "1", "--format", "json")
    expect([both.exit_code, JSON.parse(both.out).map { |row| row["so"] }]).to eq([5, [true, false]])
    half = hub.flockctl("wait", "one", "two", "--for", "succeeded", "--timeout", "30", "--at-least", "50%")
    expect(half.exit_code).to eq(0)
    expect(hub.flockctl("wait", "one", "two", "--while", "flock_api.active", "--timeout", "30").exit_code).to eq(0)
    expect(hub.flockctl("wait", "fry", "--for", "human_api.kill", "--timeout", "1").exit_code).to eq(5)
    expect(hub.flockctl("wait", "one").text).to include("--for or --while")

    FileUtils.touch("#{fleet.dir}/broken")
    failed = hub.flockctl("run-chef", "two", "--run-list", "recipe[acceptance]", "--wait", "120", "--format", "json")
    expect([failed.exit_code, JSON.parse(failed.out).first["state"]]).to eq([2, "failed"])
    expect(hub.flockctl("run-chef", "fry").exit_code).to eq(3)
  end
end
