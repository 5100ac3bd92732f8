# frozen_string_literal: true

require "support/gem_home"
require "support/guide/installed_stage"
require "support/guide/story"
require_relative "../../rakelib/package/native_gem"

# Both gems as a machine gets them that has never seen them: the source gem compiles all crates, in a minute or two; the
# native one holds what that made. FLOCK_PROFILE=release optimises as users' machines do, which takes thrice as long;
# FLOCK_PACKAGES names a folder of gems to install instead (`rake package:smoke`), FLOCK_GEM_DIR one that holds dry-cli.
RSpec.describe "gem install", :slow do
  version = FlockOfChefs::VERSION
  abi = RUBY_VERSION[/\d+\.\d+/]

  before(:context) do
    @source = GemHome.new
    @native = GemHome.new
    @source.install(packed("flock_of_chefs-#{version}.gem") { build_source })
    @said = @native.install(packed("flock_of_chefs-#{version}-#{Gem::Platform.local}.gem") { build_native },
                            "PATH" => @native.path("nothing"))
  end

  after(:context) { [@source, @native].compact.each(&:close) }

  attr_reader :home

  def packed(name)
    folder = ENV.fetch("FLOCK_PACKAGES", nil)
    folder ? File.join(folder, name) : yield
  end

  def build_source
    @source.path("source.gem").tap do |file|
      @source.gem("build", "--strict", "flock_of_chefs.gemspec", "--output", file, chdir: GemHome::ROOT)
    end
  end

  def build_native = NativeGem.build({ RUBY_VERSION[/\d+\.\d+/] => @source.libraries.first }, @native.path("built"))

  smoke = "p FlockOfChefs::Native.version, (FlockOfChefs::Native::Client.new('{\"socket\":\"/nonexistent\"," \
          "\"data_dir\":\"/nonexistent\"}').call('status', '{}', 2000) rescue $!.class)"

  shared_examples "an installation" do
    it "gives a flockctl that knows its version" do
      expect(home.sh(home.bin("flockctl"), "--version")).to eq("flockctl #{version}\n")
    end

    it "gives a library that works" do
      expect(home.ruby(smoke)).to eq("#{version.inspect}\nFlockOfChefs::ConnectionError\n")
    end

    it "can be used by a user who did not install it" do
      skip "only root can become another user" unless Process.uid.zero?

      as_nobody = %w[setpriv --reuid=nobody --regid=nogroup --clear-groups]
      expect(home.sh(*as_nobody, RbConfig.ruby, "-r", "flock_of_chefs", "-e", smoke)).to include(version)
    end

    it "has no entry points of the tests" do
      expect(home.ruby("p FlockOfChefs::Native.const_defined?(:Probe)")).to eq("false\n")
    end

    it "brings signatures, documents and the cookbook" do
      files = %w[sig/flock_of_chefs/native.rbs README.md LICENSE docs/operations.md cookbook/metadata.rb]
      expect(files.reject { |file| File.exist?(File.join(home.installed, file)) }).to eq([])
    end

    it "leaves flock(1) to util-linux" do
      expect(home.sh("sh", "-c", "PATH=#{home.path("gems/bin")}:$PATH flock --version")).to include("util-linux")
    end
  end

  describe "of the source gem" do
    before { @home = @source }

    it_behaves_like "an installation"

    it "leaves no build output behind" do
      expect(Dir.glob("#{home.installed}/**/{target/*/deps,*.rlib,*.o}")).to be_empty
      expect(Dir.glob("#{home.installed}/ext/**/*.so")).to be_empty
    end
  end

  describe "of the native gem" do
    before { @home = @native }

    it_behaves_like "an installation"

    it "compiles nothing and needs no compiler" do
      expect(@said).not_to include("Building native extensions")
      expect(home.libraries).to eq([File.join(home.installed, "lib/flock_of_chefs/#{abi}/flock_of_chefs.so")])
      expect(Dir.children(home.installed)).not_to include("ext", "proto", "Cargo.toml")
    end

    it "is all that README.md's way by hand needs, beside Chef" do
      stage = Guide::InstalledStage.new(home)
      nodes = %w[bender0 bender1].map { |name| stage.add(name, hub: name == "bender0") }
      Guide::Story.new(stage).tell_all(Guide.founding)
      expect(File.readlines(stage.local("/tmp/humans"))).to eq(["killed\n"] * 2)
      expect(nodes.flat_map { |node| stage.mapped(node) }.uniq).to eq(home.libraries)
      expect(nodes.flat_map { |node| stage.words(node) }.uniq).to eq([File.join(home.installed, "lib")])
    ensure
      stage&.close
    end

    it "holds a stripped library, which needs nothing that Ruby does not" do
      library = home.libraries.first
      sections, needed = [%w[-S -W], %w[-d -W]].map { |options| home.sh("readelf", *options, library) }
      expect(sections).to include(".dynsym")
      expect(sections).not_to include(".debug_")
      expect(needed.scan(/NEEDED.*\[(.+)\]/).flatten)
        .to all(match(/\A(?:lib(?:c|m|gcc_s|pthread|dl)\.so|ld-linux)/))
    end

    it "is refused by Rubies that it was not built for" do
      other = Gem::Specification.load(Dir[home.path("gems/specifications/flock_of_chefs-*.gemspec")].first)
      minor = abi.split(".").last.to_i
      rubies = ["3.0.7", "#{abi}.9", "3.#{minor + 1}.0", "3.#{minor + 1}.0.preview1"].map { |ruby| Gem::Version.new(ruby) }
      expect(rubies.map { |ruby| other.required_ruby_version.satisfied_by?(ruby) }).to eq([false, true, false, false])
      expect(other.extensions).to eq([])
    end
  end
end
