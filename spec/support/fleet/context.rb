# frozen_string_literal: true

require_relative "../fleet"

# A fresh fleet for each example, and the words that its recipes are written with.
RSpec.shared_context "with a fleet" do
  around do |example|
    Fleet.open do |fleet|
      @fleet = fleet
      example.run
    end
  end

  attr_reader :fleet

  def oracle = File.join(fleet.dir, "oracle")
  def fired = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  # A target that appends a word to the oracle whenever it is run.
  def appending(name = "mark", word = name)
    <<~RUBY
      execute '#{name}' do
        command "echo '#{word}' >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  # A changed file that notifies.
  def sending(node, key: "execute[mark]", action: ":run", content: "v1")
    <<~RUBY
      file '#{fleet.dir}/trigger' do
        content '#{content}'
        remote_notifies #{action}, '#{key}', node: '#{node}'
      end
    RUBY
  end

  def eventually(what, **options, &condition) = Fleet.eventually(what, **options, &condition)
end
