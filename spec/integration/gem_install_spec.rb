# frozen_string_literal: true

require "etc"
require "fileutils"
require "open3"
require "rbconfig"
require "rubygems/package"
require "tmpdir"

# Builds the gem and installs it from source as a machine would that has never seen it: all crates, in a minute or two.
# FLOCK_PROFILE=release optimises as users' machines do, which takes thrice as long; FLOCK_GEM_DIR names a folder that
# holds dry-cli's gem file.
RSpec.describe "gem install", :slow do
  root = File.expand_path("../..", __dir__)

  before(:context) do
    @dir = Dir.mktmpdir("flock-gem")
    FileUtils.chmod(0o755, @dir)
    @home = File.join(@dir, "home").tap { |path| Dir.mkdir(path) }
    @gem_home = File.join(@dir, "gems")
    @gem = File.join(@dir, "flock_of_chefs-#{FlockOfChefs::VERSION}.gem")
    sh("gem", "build", "flock_of_chefs.gemspec", "--output", @gem, chdir: root)
    [dry_cli, @gem].each { |file| sh("gem", "install", "--local", "--no-document", file) }
  end

  after(:context) { FileUtils.rm_rf(@dir) }

  # Nothing of Bundler's or of the developer's: no HOME, no gems; cargo's cache of crates may be shared, its output not.
  def environment
    keep = %w[PATH LANG TMPDIR SSL_CERT_FILE CURL_CA_BUNDLE CARGO_HTTP_CAINFO]
    ENV.slice(*keep).merge(
      "FLOCK_PROFILE" => ENV.fetch("FLOCK_PROFILE", "dev"),
      "HOME" => @home, "GEM_HOME" => @gem_home, "GEM_PATH" => @gem_home,
      "CARGO_HOME" => ENV.fetch("CARGO_HOME", File.join(Etc.getpwuid.dir, ".cargo")),
      "RUSTUP_HOME" => ENV.fetch("RUSTUP_HOME", File.join(Etc.getpwuid.dir, ".rustup"))
    )
  end

  def sh(*command, chdir: @dir)
    out, status = Open3.capture2e(environment, *command, chdir:, unsetenv_others: true)
    raise "#{command.join(" ")}: #{status}\n#{out}" unless status.success?

    out
  end

  # The gem file of the only dependency: from a folder that CI names, Bundler's cache, or built from what Bundler
  # installed.
  def dry_cli
    spec = Gem.loaded_specs["dry-cli"] || Gem::Specification.find_by_name("dry-cli")
    places = [ENV.fetch("FLOCK_GEM_DIR", nil), File.dirname(spec.cache_file)].compact
    found = places.map { |place| File.join(place, "#{spec.full_name}.gem") }.find { |path| File.exist?(path) }
    found || repacked(spec)
  end

  def repacked(spec)
    target = File.join(@dir, "#{spec.full_name}.gem")
    Dir.chdir(spec.full_gem_path) do
      again = spec.dup
      again.files = Dir["{lib,exe}/**/*", "*.md", "LICENSE"].select { |path| File.file?(path) }
      Gem::Package.build(again, true, false, target)
    end
    target
  end

  def installed = File.join(@gem_home, "gems", "flock_of_chefs-#{FlockOfChefs::VERSION}")

  smoke = "p FlockOfChefs::Native.version, (FlockOfChefs::Native::Client.new('{\"socket\":\"/nonexistent\"," \
          "\"data_dir\":\"/nonexistent\"}').call('status', '{}', 2000) rescue $!.class)"

  it "gives a flockctl that knows its version" do
    expect(sh(File.join(@gem_home, "bin", "flockctl"), "--version")).to eq("flockctl #{FlockOfChefs::VERSION}\n")
  end

  it "gives a library that works" do
    expect(sh(RbConfig.ruby, "-r", "flock_of_chefs", "-e", smoke))
      .to eq("#{FlockOfChefs::VERSION.inspect}\nFlockOfChefs::ConnectionError\n")
  end

  it "can be used by a user who did not install it" do
    skip "only root can become another user" unless Process.uid.zero?

    as_nobody = %w[setpriv --reuid=nobody --regid=nogroup --clear-groups]
    expect(sh(*as_nobody, RbConfig.ruby, "-r", "flock_of_chefs", "-e", smoke)).to include(FlockOfChefs::VERSION)
  end

  it "leaves no build output behind" do
    left = Dir.glob("#{installed}/**/{target/*/deps,*.rlib,*.o}")
    expect(left).to be_empty
    expect(Dir.glob("#{installed}/ext/**/*.so")).to be_empty
  end

  it "has no entry points of the tests" do
    expect(sh(RbConfig.ruby, "-r", "flock_of_chefs", "-e", "p FlockOfChefs::Native.const_defined?(:Probe)"))
      .to eq("false\n")
  end

  it "leaves flock(1) to util-linux" do
    expect(sh("sh", "-c", "PATH=#{@gem_home}/bin:$PATH flock --version")).to include("util-linux")
  end
end
