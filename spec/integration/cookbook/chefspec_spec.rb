# frozen_string_literal: true

require "open3"
require "rbconfig"

# ChefSpec changes Chef for the whole process, so each folder has a process of its own.
RSpec.describe "ChefSpec" do
  root = File.expand_path("../../..", __dir__)

  define_method(:examples_in) do |folder, *files|
    Open3.capture2e(RbConfig.ruby, "-W0", "-I", "#{root}/spec/support/chefspec_shim", "-I", "#{root}/lib",
                    Gem.bin_path("rspec-core", "rspec"), "--options", File::NULL, *files, chdir: "#{root}/#{folder}")
  end

  it "passes the cookbook's examples" do
    said, status = examples_in("cookbook")
    expect(status.success?).to be(true), said
    expect(said).to match(/^(?:[3-9]\d|2[5-9]) examples, 0 failures/)
  end

  it "passes the examples of what the gem gives to users' tests, and those of its guide" do
    files = %w[matchers_spec.rb fake_flock_spec.rb guide_spec.rb]
    said, status = examples_in("spec/support/chefspec_examples", *files)
    expect(status.success?).to be(true), said
    expect(said).to match(/^1[89] examples, 0 failures/)
  end
end
