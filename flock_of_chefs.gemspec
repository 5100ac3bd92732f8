# frozen_string_literal: true

require_relative "lib/flock_of_chefs/version"

Gem::Specification.new do |spec|
  spec.name = "flock_of_chefs"
  spec.version = FlockOfChefs::VERSION
  spec.authors = ["The flock_of_chefs developers"]
  spec.summary = "Chef recipes that notify, subscribe to, call and wait for other nodes"
  spec.description = "Durable, encrypted and authorised communication between Chef nodes: remote_notifies, " \
                     "remote_subscribes, wait_until and remote APIs for recipes, flockctl for operators."
  spec.homepage = "https://github.com/chrisroberts/flock_of_chefs"
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.metadata = {
    "rubygems_mfa_required" => "true",
    "source_code_uri" => spec.homepage,
    "changelog_uri" => "#{spec.homepage}/blob/main/CHANGELOG.md",
    "documentation_uri" => "#{spec.homepage}/blob/main/README.md",
    "cargo_crate_name" => "flock_of_chefs"
  }

  spec.files = Dir.chdir(__dir__) do
    Dir["lib/**/*.rb", "exe/*", "ext/**/*.{rs,toml,rb}", "sig/**/*.rbs", "proto/**/*.proto", "cookbook/**/*",
        "Cargo.{toml,lock}", "README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md", "docs/*.{md,svg}"]
      .reject { |path| path.end_with?(".so") || path.match?(%r{\Aext/\w+/target/}) || File.directory?(path) }
  end
  spec.bindir = "exe"
  spec.executables = ["flockctl"]
  spec.extensions = ["ext/flock_of_chefs/extconf.rb"]

  spec.add_dependency "dry-cli", "~> 1.3"
end
