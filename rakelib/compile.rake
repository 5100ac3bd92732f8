# frozen_string_literal: true

require "fileutils"
require "rbconfig"
require_relative "../ext/flock_of_chefs/requirements"

# Builds the extension for the checkout; `gem install` goes through ext/flock_of_chefs/extconf.rb instead.
module Compile
  ROOT = File.expand_path("..", __dir__)
  LIBRARY = File.join(ROOT, "lib/flock_of_chefs/flock_of_chefs.#{RbConfig::CONFIG["DLEXT"]}")

  module_function

  # @param profile [String] "dev" (with the entry points that the process specs need) or "release"
  def call(profile)
    abort(BuildRequirements.complaint) if BuildRequirements.missing.any?
    cargo(profile)
    install(File.join(target, profile == "dev" ? "debug" : "release", "libflock_of_chefs.#{RbConfig::CONFIG["SOEXT"]}"))
  end

  # @param program [String] the Ruby to build for
  # @param copy [String] where the library goes; the next Ruby's takes its place in the target folder
  # @return [String] that place
  def release(program, copy)
    cargo("release", { "RUBY" => program })
    FileUtils.mkdir_p(File.dirname(copy))
    FileUtils.cp(File.join(target, "release", "libflock_of_chefs.#{RbConfig::CONFIG["SOEXT"]}"), copy)
    copy
  end

  def cargo(profile, env = ruby)
    features = profile == "dev" ? %w[--features testing] : []
    Rake.sh(env, "cargo", "build", "--locked", "--lib", "--package", "flock_of_chefs",
            "--profile", profile, *features, chdir: ROOT)
  end

  # Tells cargo which Ruby this is, where the PATH does not: a changed variable would make it build magnus again.
  def ruby
    places = ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).map { |dir| File.join(dir, "ruby") }
    found = places.find { |place| File.file?(place) }
    found && File.realpath(found) == File.realpath(RbConfig.ruby) ? {} : { "RUBY" => RbConfig.ruby }
  end

  # Renames, because a process may have the old library mapped.
  def install(built)
    FileUtils.cp(built, "#{LIBRARY}.new")
    File.rename("#{LIBRARY}.new", LIBRARY)
  end

  def target = File.expand_path(ENV.fetch("CARGO_TARGET_DIR", "target"), ROOT)
end

desc "Build the extension into lib/ (FLOCK_PROFILE=dev|release)"
task :compile do
  Compile.call(ENV.fetch("FLOCK_PROFILE", "dev"))
end
