# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "machine"

# A hub and two members to be, without the gem, and a notification of one to the other.
RSpec.shared_context "with bare machines" do
  before(:context) do
    @dir = Dir.mktmpdir("flock")
    @gem = CookbookMachine.pack_gem(@dir)
    @hub = CookbookMachine.new(File.join(@dir, "hub"), "bender0")
    @member = CookbookMachine.new(File.join(@dir, "member"), "bender1")
    @third = CookbookMachine.new(File.join(@dir, "third"), "bender2")
  end

  after(:context) do
    [@hub, @member, @third].each(&:close)
    FileUtils.rm_rf(@dir) unless ENV["FLOCK_KEEP"]
  end

  attr_reader :hub, :member, :third

  def oracle = File.join(@dir, "oracle")
  def fired = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  def marking
    <<~RUBY
      execute 'mark' do
        command "echo marked >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  def notifying(content)
    <<~RUBY
      file '#{@dir}/trigger' do
        content '#{content}'
        remote_notifies :run, 'execute[mark]', node: 'bender0'
      end
    RUBY
  end

  def new_token = hub.flockctl("token", "create").lines.last.strip

  # A recipe that keeps agent.toml as it is in the run, and a custom resource with a rule.
  def with_nested_rule(machine)
    machine.write("repo/cookbooks/app/resources/site.rb", <<~RUBY)
      provides :site
      unified_mode true
      action(:create) { flock_allow('nested') { from 'bender*'; call 'human_api.*' } }
    RUBY
    <<~RUBY
      file('#{@dir}/early') { content lazy { File.read('#{machine.path("etc/agent.toml")}') } }
      site 'x'
    RUBY
  end

  def source = { gem: { source: @gem } }
end
