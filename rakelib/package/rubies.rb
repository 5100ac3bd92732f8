# frozen_string_literal: true

require "open3"
require "rbconfig"

# Finds the Rubies that a native gem is to hold.
module Rubies
  # Where version managers, distributions and Chef keep them; this Ruby comes first.
  PLACES = %w[~/.rbenv/versions/*/bin/ruby ~/.rubies/*/bin/ruby ~/.local/share/mise/installs/ruby/*/bin/ruby
              /opt/rubies/*/bin/ruby /opt/{chef,cinc}/embedded/bin/ruby /usr/bin/ruby3.*].freeze
  # One line: minor version, platform, headers.
  ASK = 'require "rubygems"; puts RUBY_VERSION[/\d+\.\d+/], RUBY_PLATFORM, ' \
        'File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"].to_s, "ruby.h"))'

  class << self
    # @param named [String, nil] paths with colons between; nil = those that are found
    # @return [Hash{String=>String}] one program for each minor version that is supported
    def find(named = ENV.fetch("FLOCK_RUBIES", nil))
      usual = PLACES.flat_map { |place| Dir.glob(File.expand_path(place)) }
      programs = named ? named.split(":") : [RbConfig.ruby, *usual]
      found = programs.filter_map { |program| version(program)&.then { |minor| [minor, program] } }
      found.reverse.to_h # the first of each stays
    end

    private

    def version(program)
      out, status = Open3.capture2e({ "RUBYOPT" => nil }, program, "-rrbconfig", "-e", ASK)
      minor, platform, headers = out.lines(chomp: true)
      return unless status.success? && platform == RUBY_PLATFORM && headers == "true"

      minor if Gem::Version.new(minor) >= Gem::Version.new("3.1")
    rescue SystemCallError
      nil
    end
  end
end
