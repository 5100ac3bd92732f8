# frozen_string_literal: true

require "json"
require "open3"
require_relative "../support/service"

module Bench
  module Peers
    # Ruby's own remote calls: DRb over TCP, without TLS and without knowing who calls.
    class Drb
      def initialize(_cache, options)
        @options = options
      end

      def installed? = true
      def version = "DRb of Ruby #{RUBY_VERSION}"
      def transport = "plain TCP"

      def measure
        Service.open do |service|
          port = Fleet.free_port
          service.start({}, "ruby", file("server"), port.to_s, port: port)
          return JSON.parse(service.run({}, "ruby", file("caller"), @options.plan, port.to_s).lines.last)
        end
      end

      private

      def file(name) = File.join(__dir__, "drb", "#{name}.rb")
    end
  end
end
