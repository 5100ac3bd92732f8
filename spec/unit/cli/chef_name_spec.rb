# frozen_string_literal: true

require "tempfile"
require "flock_of_chefs/cli/chef_name"

RSpec.describe FlockOfChefs::CLI::ChefName do
  def name_of(text)
    Tempfile.create("client.rb") do |file|
      file.write(text)
      file.flush
      found = described_class.new(file.path)
      found.source.include?("node_name") ? found.name : nil
    end
  end

  [
    'node_name "bender1"', "node_name 'bender1'", "  node_name('bender1')", 'node_name = "bender1"',
    "log_level :info\nnode_name   \"bender1\" # ours\n", "Chef::Config[:node_name] = 'bender1'",
    "Chef::Config.node_name = \"bender1\""
  ].each do |text|
    it("reads #{text.inspect}") { expect(name_of(text)).to eq("bender1") }
  end

  ['# node_name "bender1"', "node_name \"web\#{1}\"", "node_name ENV['NAME']", "", "chef_node_name 'x'"].each do |text|
    it("takes the host name rather than #{text.inspect}") { expect(name_of(text)).to be_nil }
  end

  it "complains about a file that it was given and cannot read" do
    expect { described_class.new("/nonexistent/client.rb").name }
      .to raise_error(FlockOfChefs::ConfigurationError, /--chef-config/)
  end
end
