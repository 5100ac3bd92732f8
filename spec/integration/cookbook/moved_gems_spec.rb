# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require "support/cookbook/machine"

# What an upgrade of Chef may do: omnibus packages replace the folder of gems, Habitat packages have another with each
# release. The paths in the unit are those of the run that wrote it.
RSpec.describe "the cookbook when Chef's gems are elsewhere", order: :defined do
  before(:context) do
    @dir = Dir.mktmpdir("flock")
    @gem = CookbookMachine.pack_gem(@dir)
    @node = CookbookMachine.new(File.join(@dir, "node"), "bender0")
    converge
  end

  after(:context) do
    @node.close
    FileUtils.rm_rf(@dir)
  end

  attr_reader :node

  def converge = @node.converge!("", hub: true, gem: { source: @gem })
  def unit = File.read(node.unit)
  def command_line = File.read("/proc/#{node.read("systemd/flock-agent.service.pid")}/cmdline")

  it "runs the agent with the Ruby and the gems of the Chef that installed it" do
    expect(unit).to include("Environment=GEM_HOME=#{node.path("gems")}\n",
                            "ExecStart=#{RbConfig.ruby} -I#{node.path("gems")}/")
    expect(command_line).to include(node.path("gems"))
  end

  it "installs the gem again where the new Chef looks, and restarts the agent from there" do
    node.systemctl_calls
    node.gems = "chef-19.5"
    run = converge
    expect(run.output).to include("flock_agent[default]")
    expect(unit).not_to include("#{node.path("gems")}/")
    expect(unit).to include("Environment=GEM_HOME=#{node.path("chef-19.5")}\n")
    expect(node.systemctl_calls).to include("daemon-reload", "try-restart flock-agent.service")
    expect(command_line).to include(node.path("chef-19.5"))

    FileUtils.rm_rf(node.path("gems"))
    expect(converge.updated).to eq(0)
    expect(node.flockctl("doctor", "--format", "json")).not_to include('"error"')
  end
end
