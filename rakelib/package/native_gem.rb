# frozen_string_literal: true

require "fileutils"
require "rbconfig"
require "rubygems/package"
require "shellwords"
require "tmpdir"

# Packs the gem with extensions that are built already, so that its installation compiles nothing.
#
#     NativeGem.build({ "3.1" => "target/release/libflock_of_chefs.so" }, "pkg")
module NativeGem
  ROOT = File.expand_path("../..", __dir__)
  # What only a build from source needs.
  SOURCES = %r{\A(?:ext|proto)/|\ACargo\.}

  class << self
    # @param libraries [Hash{String=>String}] the built extension for each Ruby, by its minor version
    # @param folder [String] where the gem file goes
    # @return [String] the gem file
    # @raise [ArgumentError] when a Ruby between them is missing: RubyGems would take the gem for it, too
    def build(libraries, folder)
      range = rubies(libraries.keys)
      FileUtils.mkdir_p(folder)
      Dir.mktmpdir do |stage|
        spec = specification(libraries, range)
        lay_out(spec, libraries, stage)
        file = File.expand_path(File.basename(spec.cache_file), folder)
        pack(spec, stage, file)
        file
      end
    end

    # @param versions [Array<String>] minor versions, "3.1"
    # @return [Array<String>] what the gem requires of Ruby
    def rubies(versions)
      majors, minors = versions.map { |version| version.split(".").map { |part| Integer(part) } }.sort.transpose
      unless majors.uniq.one? && minors == [*minors.first..minors.last]
        raise ArgumentError, "Rubies #{versions.sort.join(", ")}: one gem holds minor versions without a gap"
      end

      [">= #{majors.first}.#{minors.first}", "< #{majors.first}.#{minors.last + 1}.dev"]
    end

    private

    def specification(libraries, range)
      spec = Dir.chdir(ROOT) { Gem::Specification.load("flock_of_chefs.gemspec") }.dup
      spec.platform = Gem::Platform.local
      spec.required_ruby_version = range
      spec.extensions = []
      spec.metadata = spec.metadata.except("cargo_crate_name")
      spec.files = spec.files.grep_v(SOURCES) + libraries.keys.map { |version| place(version) }
      spec
    end

    # Where {FlockOfChefs::Native::Loader} looks first.
    def place(version) = "lib/flock_of_chefs/#{version}/flock_of_chefs.#{RbConfig::CONFIG["DLEXT"]}"

    def lay_out(spec, libraries, stage)
      built = libraries.to_h { |version, file| [place(version), file] }
      spec.files.each do |file|
        copy = File.join(stage, file)
        FileUtils.mkdir_p(File.dirname(copy))
        FileUtils.cp(built.fetch(file) { File.join(ROOT, file) }, copy)
        strip(copy) if built.key?(file)
      end
    end

    # Debug information and local names are most of what a compiler leaves.
    def strip(library)
      FileUtils.chmod(0o755, library)
      command = Shellwords.split(RbConfig::CONFIG.fetch("STRIP", "strip -S -x"))
      system(*command, library) || raise("#{command.first} failed: install binutils")
    end

    def pack(spec, stage, file)
      Gem::DefaultUserInteraction.use_ui(Gem::SilentUI.new) do
        Dir.chdir(stage) { Gem::Package.build(spec, false, false, file) }
      end
    end
  end
end
