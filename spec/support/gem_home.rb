# frozen_string_literal: true

require "etc"
require "fileutils"
require "open3"
require "rbconfig"
require "rubygems/package"
require "tmpdir"

# A machine that has Ruby and nothing else: an empty GEM_HOME, another HOME, nothing of Bundler's or the developer's.
# Cargo's cache of crates is shared; its output only where CARGO_TARGET_DIR says so.
class GemHome
  ROOT = File.expand_path("../..", __dir__)
  KEPT = %w[PATH LANG TMPDIR SSL_CERT_FILE CURL_CA_BUNDLE CARGO_HTTP_CAINFO CARGO_TARGET_DIR].freeze

  attr_reader :dir

  def initialize
    @dir = Dir.mktmpdir("flock-gem")
    FileUtils.chmod(0o755, dir)
    Dir.mkdir(path("home"))
  end

  def path(name) = File.join(dir, name)
  def bin(name) = File.join(path("gems"), "bin", name)
  def close = FileUtils.rm_rf(dir)

  # Installs a gem file after the only gem that it depends on.
  #
  # @raise [RuntimeError] with what RubyGems said
  def install(file, env = {})
    [dry_cli, file].map { |each| gem("install", "--local", "--no-document", each, env:) }.last
  end

  # RubyGems' own program, whatever is on the PATH.
  def gem(*arguments, **options)
    sh(RbConfig.ruby, "-rrubygems/gem_runner", "-e", "Gem::GemRunner.new.run(ARGV.dup)", *arguments, **options)
  end

  # @return [String] where the gem's files are
  def installed = Dir[path("gems/gems/flock_of_chefs-#{FlockOfChefs::VERSION}*")].first

  # @return [Array<String>] the extensions that came of it, wherever RubyGems keeps them
  def libraries
    Dir[path("gems/{gems,extensions}/**/flock_of_chefs.so")]
  end

  def ruby(code) = sh(RbConfig.ruby, "-r", "flock_of_chefs", "-e", code)

  # @return [String] what it printed
  def sh(*command, env: {}, chdir: dir)
    out, status = Open3.capture2e(environment.merge(env), *command, chdir:, unsetenv_others: true)
    raise "#{command.join(" ")}: #{status}\n#{out}" unless status.success?

    out
  end

  private

  def environment
    ENV.slice(*KEPT).merge(
      "FLOCK_PROFILE" => ENV.fetch("FLOCK_PROFILE", "dev"),
      "HOME" => path("home"), "GEM_HOME" => path("gems"), "GEM_PATH" => path("gems"),
      "CARGO_HOME" => ENV.fetch("CARGO_HOME", File.join(Etc.getpwuid.dir, ".cargo")),
      "RUSTUP_HOME" => ENV.fetch("RUSTUP_HOME", File.join(Etc.getpwuid.dir, ".rustup"))
    )
  end

  # From a folder that is named, from Bundler's cache, or built from what Bundler installed.
  def dry_cli
    spec = Gem.loaded_specs["dry-cli"] || Gem::Specification.find_by_name("dry-cli")
    places = [ENV.fetch("FLOCK_GEM_DIR", nil), File.dirname(spec.cache_file)].compact
    found = places.map { |place| File.join(place, "#{spec.full_name}.gem") }.find { |path| File.exist?(path) }
    found || repacked(spec)
  end

  def repacked(spec)
    target = path("#{spec.full_name}.gem")
    Dir.chdir(spec.full_gem_path) do
      again = spec.dup
      again.files = Dir["{lib,exe}/**/*", "*.md", "LICENSE"].select { |path| File.file?(path) }
      Gem::Package.build(again, true, false, target)
    end
    target
  end
end
