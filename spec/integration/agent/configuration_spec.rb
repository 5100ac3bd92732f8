# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

RSpec.describe "what an operator is told" do
  include_context "with a fleet"

  # One line for people, nothing for programs, no backtrace.
  def complaint(about) = have_attributes(exit_code: 1, out: "", err: match(/\Aflockctl: [^\n]*#{about}[^\n]*\n\z/))

  def mode(path) = File.stat(path).mode & 0o7777

  describe "by a configuration that cannot be used" do
    { "unknown key" => ["tgas = [\"x\"]", "agent.toml:7: unknown key `tgas`; did you mean `tags`"],
      "unknown key of a table" => ["[worker]\ntimeout = 1",
                                   "agent.toml:8: unknown key `timeout`; did you mean `timeout_ms`"],
      "wrong type" => ["[worker]\nwarm = \"yes\"", "agent.toml:8: .*boolean"],
      "wrong value" => ["[log]\nformat = \"xml\"", "agent.toml:8: log.format: \"xml\" must be \"text\" or \"json\""],
      "no TOML" => ["[worker", "agent.toml:7: "] }.each do |kind, (lines, words)|
      it "names the line and the remedy: #{kind}" do
        node = fleet.add("node1")
        node.edit("agent.toml") { |toml| toml.sub(/^\[chef\].*/m, "#{lines}\n") }
        expect(node.flockctl("agent")).to complaint(words)
        expect(node.flockctl("status")).to complaint(words)
        expect(File).not_to exist(node.path("data"))
      end
    end

    it "says that there is none, and which commands make one" do
      node = fleet.add("node1")
      File.delete(node.path("agent.toml"))
      expect(node.flockctl("agent")).to complaint("cannot read .*agent.toml: .*flockctl init.*flockctl join")
    end

    it "says that the node is in no flock yet" do
      [fleet.add("node1"), fleet.add("hub0", hub: true)].each do |node|
        expect(node.flockctl("agent")).to complaint("this node is in no flock .*flockctl init.*flockctl join")
      end
    end

    it "says that a member is no hub, and that a hub has to be one" do
      hub = fleet.hub("hub0")
      member = fleet.join("node1", start: false)
      member.edit("agent.toml") { |toml| "#{toml}\n[registry]\nurl = \"embedded\"\n" }
      expect(member.flockctl("agent"))
        .to complaint("agent.toml has a \\[registry\\], but this node joined as a member.*remove")

      hub.stop
      hub.edit("agent.toml") { |toml| toml.sub(/^\[registry\].*?(?=^\[)/m, "") }
      expect(hub.flockctl("agent")).to complaint("founded its flock, but .*agent.toml has no \\[registry\\]")
    end

    it "says that the node has another name now" do
      hub = fleet.hub("hub0").stop
      hub.edit("agent.toml") { |toml| toml.sub('"hub0"', '"hub9"') }
      expect(hub.flockctl("agent")).to complaint("agent.toml calls this node hub9, but it joined as hub0")
    end

    it "says that the machine is a copy of another one" do
      hub = fleet.hub("hub0").stop
      hub.edit("machine-id") { "f" * 32 }
      expect(hub.flockctl("agent"))
        .to complaint("the identity of hub0 was made on another machine.*join STRING --replace")
    end
  end

  describe "by init" do
    it "makes keys that nobody else can read, and a commented configuration where there is none" do
      node = fleet.add("hub0", hub: true)
      File.delete(node.path("agent.toml"))
      made = JSON.parse(node.flockctl!("init", "--chef-config", node.path("client.rb"), "--data-dir", node.path("data"),
                                       "--socket", node.path("agent.sock"), "--listen", "127.0.0.1:#{node.port}",
                                       "--format", "json"))
      expect(made).to include("name" => "hub0", "config" => node.path("agent.toml"), "config_written" => true)
      expect(File.read(node.path("agent.toml"))).to match(/^name = "hub0" +# /).and match(/^\[registry\]/)
      expect(mode(node.path("agent.toml"))).to eq(0o600)
      expect(mode(node.path("data"))).to eq(0o700)
      expect(mode(node.path("data/identity"))).to eq(0o700)
      expect(Dir[node.path("data/identity/*")].to_h { |file| [file, mode(file)] }.values).to all(eq(0o600))
      node.start
      node.flockctl!("status")
    end

    it "leaves a configuration alone that exists" do
      node = fleet.add("hub0", hub: true)
      before = File.read(node.path("agent.toml"))
      expect(JSON.parse(node.flockctl!("init", "--format", "json"))).to include("config_written" => false)
      expect(File.read(node.path("agent.toml"))).to eq(before)
    end

    it "does not seem to change a configuration that exists" do
      node = fleet.add("hub0", hub: true)
      expect(node.flockctl("init", "--listen", "127.0.0.1:1"))
        .to complaint("agent.toml exists and means listen = \"127.0.0.1:#{node.port}\", not \"127.0.0.1:1\"")
      expect(node.flockctl("init", "--name",
                           "hub9")).to complaint("agent.toml exists and means name = \"hub0\", not \"hub9\"")
      expect(node.flockctl("init", "--name", "hub0").err).to match(/node name hub0, from .*agent.toml$/)
    end

    it "refuses where there is data already, and changes nothing" do
      node = fleet.add("hub0", hub: true)
      node.flockctl!("init")
      before = Dir[node.path("data/identity/*")].to_h { |file| [file, File.read(file)] }
      expect(node.flockctl("init")).to complaint("data already holds identity: this node is in a flock")
      expect(Dir[node.path("data/identity/*")].to_h { |file| [file, File.read(file)] }).to eq(before)
    end

    it "refuses where the configuration is a member's" do
      node = fleet.add("node1")
      expect(node.flockctl("init"))
        .to complaint("agent.toml has no \\[registry\\]: only a hub can found a flock.*flockctl join")
      expect(File).not_to exist(node.path("data"))
    end
  end
end
