# frozen_string_literal: true

require_relative "fleet"

# The words that recipes of the acceptance examples are written with; +fleet+ is the example's.
module Acceptance
  attr_reader :fleet

  def oracle = File.join(fleet.dir, "oracle")
  def fired = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  # A target that appends a word to the oracle whenever it is run.
  def appending(name, word = name)
    <<~RUBY
      execute '#{name}' do
        command "echo '#{word}' >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  def sending(options, key: "execute[mark]", action: ":run", file: "trigger", content: "v1")
    <<~RUBY
      file '#{fleet.dir}/#{file}' do
        content '#{content}'
        remote_notifies #{action}, '#{key}', #{options}
      end
    RUBY
  end

  # A recipe that stays where it is until someone writes to the gate.
  def gate(path)
    File.mkfifo(path)
    <<~RUBY
      ruby_block 'wait at #{path}' do
        block { File.read('#{path}') }
      end
    RUBY
  end

  # Starts a converge that ends when someone writes to the gate, and waits until it has Chef's lock.
  #
  # @return [Process::Waiter]
  def hold(node, recipe)
    run = node.converge_in_background(recipe)
    Fleet.eventually("#{node.name} converges", timeout: 180) do
      raise "#{node.name} converged too soon:\n#{File.read(node.path("background.log"))}" unless run.alive?

      file = node.path("data/run.json")
      File.exist?(file) && JSON.parse(File.read(file))["phase"] == "running"
    end
    run
  end

  def stored_at_target(sender)
    Fleet.eventually("stored at the target of #{sender.name}") do
      sender.notifications.any? { |record| record.values_at("direction", "state") == %w[out stored] }
    end
  end
end

# A flock for each example.
RSpec.shared_context "with a flock" do
  include Acceptance

  around do |example|
    Fleet.open do |fleet|
      @fleet = fleet
      example.run
    end
  end
end

# One flock for the group, since its examples only differ in what they send. Nodes are made in +before(:context)+.
RSpec.shared_context "with one flock" do
  include Acceptance

  before(:context) { @fleet = Fleet.new }
  before { FileUtils.rm_f(oracle) }
  after(:context) { @fleet.close }

  # Converges the sender with one notification, after a change of its file.
  #
  # @return [Array<Hash>] how it ended at each target
  def outcomes(sender, options, count: 1, **words)
    earlier = sender.notifications.map { |record| record["id"] }
    sender.converge!(sending(options, content: rand, **words))
    sent = sender.settled(count: earlier.length + count)
    sent.reject { |record| earlier.include?(record["id"]) }
  end
end
