# frozen_string_literal: true

require "json"
require "open3"
require_relative "../support/debian"
require_relative "../support/service"

module Bench
  module Peers
    # A watch of ZooKeeper: one server with the settings it comes with, its own Java client, two sessions without TLS.
    # From before `setData` of one until the watch of the other has fired, and until that one has read the new data.
    class Zookeeper
      # The server's and the client's; the package's other dependencies are for parts that are not started.
      PACKAGES = %w[libzookeeper-java libnetty-java libslf4j-java libdropwizard-metrics-java libsnappy-java].freeze
      JARS = %w[zookeeper zookeeper-jute netty-* slf4j-api slf4j-nop metrics-core snappy-java].freeze

      def initialize(cache, options)
        @cache = cache
        @options = options
      end

      def installed? = Dir[jar("zookeeper")].any? && system("java", "-version", %i[out err] => File::NULL)
      def missing = "no ZooKeeper; `bin/bench --peers` takes it from the system's packages (Debian); it needs a JDK"
      def version = "ZooKeeper #{Dir[jar("zookeeper-[0-9]*")].first[/-([\d.]+)\.jar/, 1]}"
      def install = Debian.unpack(@cache, *PACKAGES)

      # @return [Hash{String => Array<Float>}] milliseconds: "watch" and "read"
      def measure
        Service.open do |service|
          port = Fleet.free_port
          service.start({}, "java", *server(service, port), port: port)
          watch = ["java", "-cp", classes, File.join(__dir__, "zookeeper/Watch.java"), "127.0.0.1:#{port}"]
          return JSON.parse(service.run({}, *watch, JSON.parse(@options.plan).fetch("waits").to_s).lines.last)
        end
      end

      private

      def jar(name) = File.join(@cache, "usr/share/java", "#{name}.jar")
      def classes = JARS.flat_map { |name| Dir[jar(name)] }.join(":")

      def server(service, port)
        File.write(service.path("zoo.cfg"), <<~TEXT)
          tickTime=2000
          dataDir=#{service.path("data")}
          clientPortAddress=127.0.0.1
          clientPort=#{port}
          admin.enableServer=false
        TEXT
        ["-cp", classes, "org.apache.zookeeper.server.ZooKeeperServerMain", service.path("zoo.cfg")]
      end
    end
  end
end
