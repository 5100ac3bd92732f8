# frozen_string_literal: true

require "json"
require "open3"

RSpec.describe "versions" do
  it "are the same for the gem and its crates" do
    root = File.expand_path("../..", __dir__)
    metadata, = Open3.capture2("cargo", "metadata", "--no-deps", "--format-version", "1", chdir: root)
    versions = JSON.parse(metadata)["packages"].to_h { |crate| [crate["name"], crate["version"]] }

    expect(versions.keys).to include("flock_core", "flock_agent", "flock_of_chefs")
    expect(versions.values.uniq).to eq([FlockOfChefs::VERSION])
  end
end
