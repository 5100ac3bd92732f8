# frozen_string_literal: true

require_relative "package/native_gem"
require_relative "package/rubies"

namespace :package do
  desc "pkg/: the source gem, which compiles when it is installed"
  task :source do
    mkdir_p "pkg", verbose: false
    version = Gem::Specification.load("flock_of_chefs.gemspec").version
    sh "gem", "build", "--strict", "flock_of_chefs.gemspec", "--output", "pkg/flock_of_chefs-#{version}.gem"
  end

  desc "pkg/: the gem for this platform, with the extension for each Ruby that is here (FLOCK_RUBIES=/a/ruby:/b/ruby)"
  task :native do
    rubies = Rubies.find
    abort "no Ruby with headers among #{ENV.fetch("FLOCK_RUBIES", nil) || Rubies::PLACES}" if rubies.empty?

    libraries = rubies.to_h do |minor, program|
      [minor, Compile.release(program, "target/package/#{minor}.#{RbConfig::CONFIG["DLEXT"]}")]
    end
    file = NativeGem.build(libraries, "pkg")
    puts "#{file}: #{File.size(file) / (1024 * 1024)} MiB, for Ruby #{rubies.keys.sort.join(", ")}"
  end

  desc "Install the gems of pkg/, each into an empty GEM_HOME, and use them"
  task :smoke do
    sh({ "FLOCK_PACKAGES" => File.expand_path("pkg"), "FLOCK_PROFILE" => "release" },
       "bundle exec rspec --format documentation spec/integration/gem_install_spec.rb")
  end
end

desc "Both gems, in pkg/, and their smoke test"
task package: %w[package:source package:native package:smoke]
