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

  def source = { gem: { source: @gem } }
end
