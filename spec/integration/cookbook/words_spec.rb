# frozen_string_literal: true

require "support/chef_process"

RSpec.describe "the cookbook" do
  include_context "with chef"

  before(:context) do
    FileUtils.cp_r(File.expand_path("../../cookbook", __dir__), @chef.path("cookbooks/flock_of_chefs"))
    # The gem is this checkout; nothing is to be installed.
    without_words = File.readlines(@chef.path("client.rb")).grep_v(%r{flock_of_chefs/chef})
    @chef.write("client.rb", "#{without_words.join}skip_gem_metadata_installation true\n")
  end

  it "gives the run that brings it the words, and later runs by client.d" do
    chef.recipe(<<~RUBY)
      ruby_block "updated" do
        block {}
        remote_notifies :run, "execute[x]", node: "b"
      end
    RUBY
    expect(chef.client("-o", "recipe[cb]").output).to include("undefined method `remote_notifies'")

    first = chef.client("-o", "recipe[flock_of_chefs],recipe[cb]")
    expect(first.status).to eq(0), first.output
    expect(chef.sent.size).to eq(1)

    later = chef.client("-o", "recipe[cb]")
    expect(later.status).to eq(0), later.output
    expect(chef.sent.size).to eq(2)
  end

  it "passes its own ChefSpec examples" do
    result = chef.ruby("-W0", "-I", File.join(ChefProcess::SUPPORT, "chefspec_shim"), "-I", ChefProcess::LIB,
                       Gem.bin_path("rspec-core", "rspec"), chef.path("cookbooks/flock_of_chefs/spec"))
    expect(result.status).to eq(0), result.output
    expect(result.output).to include("1 example, 0 failures")
  end
end
