# frozen_string_literal: true

# Writes the Makefile that RubyGems runs. It only needs cargo: the rb_sys gem may be there or not.
#
#   FLOCK_PROFILE=dev|release    cargo's profile (RB_SYS_CARGO_PROFILE is read as well); release unless said otherwise
#   CARGO_TARGET_DIR=DIR         where to build; it is kept then, while the default is removed after the install

require "rbconfig"
require "shellwords"

# Older Rubies, such as those of Chef 16 and 17, cannot read the files below; RubyGems lets some ways of installing past
# the gem's own requirement.
if Gem::Version.new(RUBY_VERSION) < Gem::Version.new("3.1")
  abort("flock_of_chefs needs Ruby 3.1 or newer, and this is Ruby #{RUBY_VERSION} (#{RbConfig.ruby}): " \
        "install it with the Ruby of Chef 18 or newer")
end

require_relative "requirements"

abort(BuildRequirements.complaint) if BuildRequirements.missing.any?

profile = ENV["FLOCK_PROFILE"] || ENV["RB_SYS_CARGO_PROFILE"] || "release"
abort("FLOCK_PROFILE=#{profile}: dev and release are what there is") unless %w[dev release].include?(profile)

def quoted(path)
  path.shellescape.gsub("$", "$$")
end

manifest = File.join(__dir__, "Cargo.toml")
target = ENV["CARGO_TARGET_DIR"] || File.join(Dir.pwd, "target")
built = File.join(target, profile == "dev" ? "debug" : "release", "libflock_of_chefs.#{RbConfig::CONFIG["SOEXT"]}")
library = "flock_of_chefs.#{RbConfig::CONFIG["DLEXT"]}"

File.write("Makefile", <<~MAKE)
  DESTDIR =
  sitearchdir = #{RbConfig::CONFIG["sitearchdir"]}
  folder = $(DESTDIR)$(sitearchdir)/flock_of_chefs

  all:
  \tRUBY=#{quoted(RbConfig.ruby)} cargo build --locked --lib --profile #{profile} --manifest-path #{quoted(manifest)} --target-dir #{quoted(target)}
  \tcp #{quoted(built)} #{library}

  install:
  \tmkdir -p $(folder)
  \tcp #{library} $(folder)/#{library}
  \tchmod 0755 $(folder) $(folder)/#{library}
  \t$(MAKE) clean

  clean:
  \trm -f #{library}
  #{"\trm -rf #{quoted(target)}" unless ENV["CARGO_TARGET_DIR"]}

  distclean: clean
  \trm -f Makefile

  .PHONY: all install clean distclean
MAKE
