# frozen_string_literal: true

require_relative "console"
require_relative "node"

# One fleet for the group, with what calls and waits are seen with: scripts on its nodes, and an API. Nodes are made in
# +before(:context)+; whatever an example kills it starts again.
RSpec.shared_context "with callers" do
  before(:context) do
    @fleet = Fleet.new
    @consoles = []
  end

  after { @consoles.each(&:close).clear }

  after(:context) do
    @consoles.each(&:close)
    @fleet.close
  end

  attr_reader :fleet

  # Several nodes at once; options by name.
  #
  # @return [Array<Fleet::Node>]
  def join_all(names) = names.map { |name, options| Thread.new { @fleet.join(name, **options) } }.map(&:value)

  # @return [Fleet::Console] until the end of the example
  def console(node) = Fleet::Console.new(node).tap { |console| @consoles << console }

  def eventually(what, **options, &condition) = Fleet.eventually(what, **options, &condition)

  # Offers {ProbeApi} on a node whose agent runs.
  def offer(node)
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    FileUtils.cp(File.expand_path("probe_api.rb", __dir__), node.path("data/apis"))
    eventually("#{node.name} serves its API") { host(node)["state"] == "serving" }
  end

  # Kills a node's agent for the time of the block.
  def without(node)
    node.kill9
    yield
  ensure
    node.start
  end

  # @return [Hash] the process of the node's APIs of files
  def host(node)
    JSON.parse(node.flockctl!("status", "--format", "json"))["hosts"].find { |found| found["kind"] == "files" }
  end

  # @return [String] a path that no other example has
  def mark = File.join(fleet.dir, "mark-#{@marks = (@marks || 0) + 1}-#{rand(1_000_000)}")

  def begun(mark) = eventually("#{mark} has begun") { File.exist?("#{mark}.begun") }
  def ended(mark) = eventually("#{mark} has ended") { File.exist?("#{mark}.ended") && File.read("#{mark}.ended") }
  def probe(node) = "FlockOfChefs['#{node.name}'][:probe]"
end
