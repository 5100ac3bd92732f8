# frozen_string_literal: true

require "json"
require "yaml"
require_relative "../support/fleet/context"

RSpec.describe "An operator without an agent, by flockctl and by knife", :acceptance do
  include_context "with a fleet"

  let(:hub) { fleet.hub("hub") }
  let(:alice) { Fleet::Workstation.new(fleet, "alice") }
  let(:made) { File.join(fleet.dir, "made") }
  let(:resource) { "file[#{made}]" }
  let(:recipe) { "file '#{made}' do\n  content 'x'\n  action :nothing\nend\n" }

  # It admits operators to one kind of resource, and to having Chef run.
  def open_to_operators(name)
    command = %w[bundle exec chef-client -z --no-color -c] + [File.join(fleet.dir, name, "client.rb")]
    fleet.join(name, agent_toml: <<~TOML)
      run_command = #{JSON.generate(command)}
      [[allow]]
      from = "operator/al*"
      resource = "file[*]"
      actions = ["create"]
      [[allow]]
      from = "operator/*"
      call = ["flock_api.run_chef"]
    TOML
  end

  # It admits all nodes to all, which is nothing to operators.
  def open_to_nodes(name)
    fleet.join(name, agent_toml: <<~TOML)
      [[allow]]
      from = "*"
      resource = "*"
      actions = ["*"]
      [[allow]]
      from = "*"
      call = ["*"]
    TOML
  end

  # Established connections, of all that have dialled it.
  def connections_to(node)
    port = format(":%04X", node.port)
    File.readlines("/proc/net/tcp").count { |line| line.split[2].end_with?(port) && line.split[3] == "01" }
  end

  def state_at(node, result)
    JSON.parse(result.out).find { |record| record["peer"] == node }.values_at("state", "code")
  end

  it "reads, acts where it is admitted, and is gone when it is removed" do
    hub
    expect([alice.flockctl("nodes").exit_code, alice.flockctl("nodes").err]).to match [1, include("join --operator")]
    refused = alice.flockctl("join", "--operator", fleet.token)
    expect([refused.exit_code, refused.err]).to match [1, include("token create --operator NAME")]
    as_node = fleet.add("alice").flockctl("join", fleet.token("--operator", "alice"))
    expect([as_node.exit_code, as_node.err]).to match [1, include("--operator")]
    alice.join
    expect(File.stat(File.join(alice.identity, "identity/node.pem")).mode & 0o777).to eq(0o600)
    expect(File.stat(alice.identity).mode & 0o777).to eq(0o700)

    open_to_operators("web1").converge!(recipe)
    open_to_nodes("web2").converge!(recipe)
    expect(alice.flockctl!("nodes", "--format", "names").split).to eq(%w[hub web1 web2])
    json = alice.knife("flock", "nodes", "-F", "json")
    expect([json.exit_code, JSON.parse(json.out).map { |node| node["name"] }]).to eq([0, %w[hub web1 web2]])
    yaml = alice.knife("flock", "resources", "web2", "--format", "yaml")
    expect([yaml.exit_code, YAML.safe_load(yaml.out).map { |card| card["key"] }]).to match [0, include(resource)]
    expect(alice.knife("flock", "nodes", "nobody").exit_code).to eq(3)
    expect(alice.knife("flock", "status").out).to include("hub: hub of flock")

    done = alice.knife("flock", "notify", "web1", resource, "create", "--wait", "60", "-F", "json")
    expect([done.exit_code, state_at("web1", done), File.exist?(made)]).to eq([0, ["done", ""], true])
    [%w[web1 delete], %w[web2 create]].each do |node, action|
      denied = alice.flockctl("notify", node, resource, action, "--wait", "60", "--format", "json")
      expect([denied.exit_code, state_at(node, denied)]).to eq([7, %w[denied policy]])
      expect(JSON.parse(denied.out).first["message"]).to include('from = "operator/alice"')
    end
    told = alice.flockctl!("notifications", "show", JSON.parse(done.out).first["id"])
    expect(told).to match(/asked by: +operator.alice/)

    expect(alice.flockctl("call", "web2", "flock_api", "state").out).to include("succeeded")
    expect(alice.knife("flock", "wait", "web2", "--for", "succeeded", "--timeout", "30").exit_code).to eq(0)
    not_there = alice.flockctl("run-chef", "web2")
    expect([not_there.exit_code, not_there.err]).to match [7, include("operator/alice may not call flock_api.run_chef")]
    ran = alice.knife("flock", "run", "chef", "web1", "--run-list", "recipe[acceptance]", "--wait", "120", "-F", "json")
    expect([ran.exit_code, ran.err, JSON.parse(ran.out).first["state"]]).to match [0, anything, "succeeded"]
    expect(alice.flockctl("doctor", "--via", "operator").exit_code).to eq(1)

    before = connections_to(hub)
    waiting = alice.flockctl_in_background("wait", "web2", "--for", "node.never_there", "--timeout", "110")
    Fleet.eventually("the wait is connected") { connections_to(hub) > before || !waiting.alive? }
    expect(waiting).to be_alive
    expect(hub.flockctl("operator", "remove", "alice").exit_code).to eq(0)
    expect([waiting.value.exit_code, waiting.value.text]).to match [7, include("removed")]
    removed = alice.knife("flock", "nodes")
    expect(removed.exit_code).to eq(7)
    expect(removed.err).to include("knife flock: operator/alice was removed", "--replace")
    again = alice.flockctl("join", "--operator", fleet.token("--operator", "alice"), "--replace")
    expect([again.exit_code, alice.flockctl("nodes").exit_code]).to eq([0, 0])
  end

  it "is listed on the hub and for other operators until it is removed, and then no token of it is left" do
    hub
    alice.join
    bob = Fleet::Workstation.new(fleet, "bob").join
    listed = JSON.parse(hub.flockctl("operators", "--format", "json").out)
    expect(listed.map { |operator| operator["name"] }).to eq(%w[alice bob])
    month = 30 * 24 * 60 * 60
    expect(listed.first["expires_ms"] / 1000).to be_within(600).of(Time.now.to_i + month)
    expect(alice.flockctl!("operators", "--format", "text")).to match(/^bob +20\d\d-.* +20\d\d-/)
    expect(alice.knife("flock", "operators", "-F", "names").out.split).to eq(%w[alice bob])
    member = fleet.join("web1").flockctl("operators")
    expect([member.exit_code, member.err]).to match [7, include("this node is no hub")]

    kept_back = fleet.token("--operator", "alice")
    expect(hub.flockctl("operator", "remove", "alice").exit_code).to eq(0)
    expect(bob.flockctl!("operators", "--format", "names").split).to eq(%w[bob])
    again = alice.flockctl("join", "--operator", kept_back, "--replace")
    expect([again.exit_code, again.err]).to match [7, include("no such join token")]
  end

  it "is kept by a hub that is killed, goes to another hub, and says when there is none" do
    hub
    web1 = open_to_operators("web1")
    web1.converge!(recipe)
    alice.join
    web1.stop
    sent = JSON.parse(alice.flockctl!("notify", "web1", resource, "create", "--format", "json")).first["id"]
    hub.kill9
    away = alice.flockctl("nodes")
    expect([away.exit_code, away.err]).to match [4, include("no hub answers", "127.0.0.1:#{hub.port}")]

    alice.hubs = ["127.0.0.1:#{Fleet.free_port}", "127.0.0.1:#{hub.port}"]
    hub.start
    web1.start
    Fleet.eventually("it is done") do
      state = JSON.parse(alice.flockctl!("notifications", "show", sent, "--format", "json")).first["state"]
      state == "done" || (raise state if %w[failed denied unknown].include?(state))
    end
    expect(File.exist?(made)).to be true
  end
end
