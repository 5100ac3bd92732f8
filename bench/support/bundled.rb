# frozen_string_literal: true

module Bench
  # A peer that is a gem: a bundle of its own, installed into the cache.
  module Bundled
    # @return [Hash{String => String, nil}] for +Process.spawn+
    def bundle
      { "RUBYOPT" => nil, "RUBYLIB" => nil, "BUNDLE_GEMFILE" => file("Gemfile"), "BUNDLE_PATH" => @cache }
    end

    def install = system(bundle, "bundle", "install", "--quiet", out: :err)
    def installed? = system(bundle, "bundle", "check", %i[out err] => File::NULL) ? true : false

    # @return [Array<String>] a command that runs one of the peer's programs
    def program(name, *arguments) = ["bundle", "exec", "ruby", file("#{name}.rb"), *arguments.map(&:to_s)]

    # @return [String] a file of the peer's folder
    def file(name) = File.expand_path("../peers/#{self.class.name[/\w+\z/].downcase}/#{name}", __dir__)
  end
end
