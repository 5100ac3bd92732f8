# frozen_string_literal: true

require "fileutils"
require "rubygems/package"
require "tmpdir"
require_relative "../../rakelib/package/native_gem"
require_relative "../../rakelib/package/rubies"

RSpec.describe NativeGem do
  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  it "is for the Rubies that it has extensions for, and no others" do
    expect(described_class.rubies(%w[3.1])).to eq([">= 3.1", "< 3.2.dev"])
    expect(described_class.rubies(%w[3.10 3.9 3.8])).to eq([">= 3.8", "< 3.11.dev"])
    expect { described_class.rubies(%w[3.1 3.3]) }.to raise_error(ArgumentError, /without a gap/)
    expect { described_class.rubies(%w[3.4 4.0]) }.to raise_error(ArgumentError, /without a gap/)
  end

  it "holds an extension for each Ruby where the loader looks for it, and nothing to compile" do
    library = Dir[File.expand_path("../../lib/flock_of_chefs/*.so", __dir__)].first
    spec = Gem::Package.new(described_class.build({ "3.1" => library, "3.2" => library }, @dir)).spec
    expect(spec.files.grep(/\.so\z/)).to eq(%w[lib/flock_of_chefs/3.1/flock_of_chefs.so
                                               lib/flock_of_chefs/3.2/flock_of_chefs.so])
    expect(spec.files).to include("lib/flock_of_chefs.rb", "exe/flockctl", "sig/flock_of_chefs/native.rbs",
                                  "cookbook/metadata.rb")
    expect(spec.files.grep(%r{\Aext/|Cargo|\Aproto/})).to eq([])
    expect([spec.extensions, spec.platform]).to eq([[], Gem::Platform.local])
    expect(FlockOfChefs::Native::Loader::PLACES.first)
      .to end_with("lib/flock_of_chefs/#{RUBY_VERSION[/\d+\.\d+/]}/flock_of_chefs")
  end

  describe Rubies do
    # A Ruby that says of itself what a spec wants.
    def ruby(name, *lines)
      path = File.join(@dir, name)
      File.write(path, "#!/bin/sh\nprintf '%s\\n' #{lines.join(" ")}\n")
      File.chmod(0o755, path)
      path
    end

    it "takes one for each minor version that is supported, for this platform, with its headers" do
      good = ruby("good", "3.3", RUBY_PLATFORM, "true")
      others = [ruby("second", "3.3", RUBY_PLATFORM, "true"), ruby("old", "2.7", RUBY_PLATFORM, "true"),
                ruby("foreign", "3.4", "arm64-darwin23", "true"), ruby("bare", "3.4", RUBY_PLATFORM, "false"),
                "/nonexistent"]
      expect(described_class.find([good, *others, RbConfig.ruby].join(":")))
        .to eq("3.3" => good, RUBY_VERSION[/\d+\.\d+/] => RbConfig.ruby)
    end
  end
end
