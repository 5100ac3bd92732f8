# frozen_string_literal: true

require "json"
require "open3"
require_relative "../support/bundled"
require_relative "../support/certificates"
require_relative "../support/service"

module Bench
  module Peers
    # gRPC for Ruby, its own server and its own client, with mutual TLS as ours.
    class Grpc
      include Bundled

      def initialize(cache, options)
        @cache = cache
        @options = options
      end

      def missing = "no gem grpc; `bin/bench --peers` installs it into #{@cache}"
      def version = "gRPC for Ruby #{gem_version}"
      def transport = "mutual TLS"

      def measure
        Service.open do |service|
          Certificates.write(service.dir)
          port = Fleet.free_port
          service.start(bundle, *program("server", port, service.dir), port: port)
          return JSON.parse(service.run(bundle, *program("caller", @options.plan, port, service.dir)).lines.last)
        end
      end

      private

      def gem_version = File.read(file("Gemfile.lock"))[/^    grpc \((\d[\d.]*)/, 1]
    end
  end
end
