# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"
require_relative "../../support/fleet/join_string"

RSpec.describe "a node that may not join" do
  # One hub lets nobody in, under many names; it is as good for the next example as for the first.
  before(:context) do
    @fleet = Fleet.new
    @hub = @fleet.hub("hub0")
  end

  after(:context) { @fleet.close }

  attr_reader :fleet, :hub

  # The refusal as the operator of the new node sees it, on one line, and as the hub's log has it.
  def expect_refusal(node, string, *arguments, says:, code: nil, exit_code: 7)
    result = node.flockctl("join", string, *arguments)
    expect(result).to have_attributes(exit_code: exit_code, out: "")
    expect(result.err.lines.last).to match(/\Aflockctl: .*#{says}.*\n\z/)
    expect(File).not_to exist(node.path("data/identity"))
    return unless code

    line = hub.log.lines.grep(/ WARN .*may not join/).find { |text| text.include?("node=#{node.name} ") }
    expect(line).to include("code=\"#{code}\"").and match(says)
  end

  it "has a token that has expired" do
    made = JSON.parse(hub.flockctl!("token", "create", "--ttl", "1", "--format", "json"))
    sleep 0.1 until Time.now.to_f * 1000 > made["expires_ms"]
    expect_refusal(fleet.add("late"), made["join_string"], says: "expired", code: "token_expired")
  end

  it "has a token that is used up; one for two nodes admits two" do
    string = fleet.token("--uses", "2")
    2.times { |n| fleet.add("used#{n}").flockctl!("join", string) }
    expect_refusal(fleet.add("used2"), string, says: "used up.*flockctl token create", code: "token_used_up")
  end

  it "has a token that the hub does not know, or its wrong secret: the same answer" do
    string = fleet.token
    [{ t: "0" * 12 }, { s: "A" * 43 }].each_with_index do |lie, number|
      expect_refusal(fleet.add("unknown#{number}"), Fleet::JoinString.alter(string, **lie),
                     says: "knows no such join token", code: "token_unknown")
    end
    fleet.add("known").flockctl!("join", string)
  end

  it "has another name than the token is for" do
    string = fleet.token("--node", "web*", "--uses", "2")
    expect_refusal(fleet.add("db1"), string, says: "web\\*", code: "token_name")
    fleet.add("web1").flockctl!("join", string)
  end

  it "has a name that is taken, or the hub's" do
    fleet.add("taken").flockctl!("join", fleet.token)
    copy = fleet.add("taken", dir: "copy")
    expect_refusal(copy, fleet.token, says: "taken is in this flock already.*--replace", code: "name_taken")
    impostor = fleet.add("hub0", dir: "impostor")
    expect_refusal(impostor, fleet.token, "--replace", says: "hub0 is a hub of this flock", code: "name_taken")
  end

  it "holds the pin of another flock: nothing is sent to who answers there" do
    string = Fleet::JoinString.alter(fleet.token, p: "0" * 64)
    expect_refusal(fleet.add("pinned"), string,
                   says: "its certificate authority is not the one that the join string names.*get a new join string")
    expect(hub.log).not_to include("node=pinned")
    Fleet.eventually("the hub tells it, too") do
      hub.log.match?(/WARN connection refused: .*the join string of another flock.*code="not_expected"/)
    end
  end

  it "wants to be a hub, too" do
    expect_refusal(fleet.add("hub1", hub: true), fleet.token, says: "leave out \\[registry\\]", code: "hub_join",
                                                              exit_code: 1)
  end

  it "holds half a join string" do
    expect_refusal(fleet.add("half"), fleet.token[..-3], says: "not a join string: it was not copied whole",
                                                         exit_code: 1)
    expect_refusal(fleet.add("none"), "hello", says: "not a join string", exit_code: 1)
  end

  it "finds no hub" do
    port = Fleet.free_port
    string = Fleet::JoinString.alter(fleet.token, h: ["127.0.0.1:#{port}"])
    expect_refusal(fleet.add("lonely"), string, says: "127.0.0.1:#{port} refuses connections: is its agent running",
                                                exit_code: 4)
  end

  it "finds a hub that never answers" do
    silent = TCPServer.new("127.0.0.1", 0)
    string = Fleet::JoinString.alter(fleet.token, h: ["127.0.0.1:#{silent.addr[1]}"])
    expect_refusal(fleet.add("patient"), string, says: "127.0.0.1:#{silent.addr[1]}", exit_code: 4)
  ensure
    silent&.close
  end

  it "is in a flock already" do
    node = fleet.add("member")
    node.flockctl!("join", fleet.token)
    result = node.flockctl("join", fleet.token)
    expect(result).to have_attributes(exit_code: 1,
                                      err: match(/^flockctl: .*already holds identity: this node is in a flock/))
  end

  it "has an agent that runs" do
    node = fleet.join("running")
    result = node.flockctl("join", fleet.token, "--replace")
    expect(result).to have_attributes(exit_code: 1, err: match(/^flockctl: an agent with pid #{node.pid} already runs/))
  end
end
