# frozen_string_literal: true

require "json"
require "open3"
require_relative "../support/bundled"
require_relative "../support/debian"
require_relative "../support/service"

module Bench
  module Peers
    # DCell over 0MQ, its registry a Redis: what the first flock_of_chefs was built on. No TLS, and nobody knows who
    # calls. It is of 2014; dcell/shims.rb tells what it needs on the Ruby of today.
    class Dcell
      include Bundled

      def initialize(cache, options)
        @cache = cache
        @options = options
      end

      def installed? = super && File.executable?(redis)
      def missing = "no gem dcell, or no redis-server; `bin/bench --peers` installs them into #{@cache} (needs libzmq5)"
      def version = "DCell #{File.read(file("Gemfile.lock"))[/^    dcell \((\d[\d.]*)/, 1]}"
      def transport = "0MQ without TLS"

      def install = super && (File.executable?(redis) || Debian.unpack(debian, *Debian.missing("redis-server")))

      def measure
        Service.open do |service|
          registry, port = Array.new(2) { Fleet.free_port }
          service.start(Debian.environment(debian), redis, *settings(service, registry), port: registry)
          service.start(bundle, *program("server", registry, port), port: port)
          return JSON.parse(service.run(bundle, *program("caller", @options.plan, registry)).lines.last)
        end
      end

      private

      def debian = File.join(@cache, "debian")

      def redis
        places = ENV.fetch("PATH", "").split(":").map { |dir| File.join(dir, "redis-server") }
        places.find { |file| File.executable?(file) } || File.join(debian, "usr/bin/redis-server")
      end

      def settings(service, port) = ["--port", port.to_s, "--bind", "127.0.0.1", "--save", "", "--dir", service.dir]
    end
  end
end
