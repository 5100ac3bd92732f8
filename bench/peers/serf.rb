# frozen_string_literal: true

require "json"
require "socket"
require "tmpdir"
require_relative "../support/debian"

module Bench
  module Peers
    # Two agents of Serf on loopback with their default settings: a user event of one runs a handler of the other, which
    # writes a file. No TLS and no disk; events that are missed are lost. It is sent over an open connection.
    class Serf
      COUNT = 100

      def initialize(cache, options)
        @cache = cache
        @options = options
      end

      def installed? = File.executable?(program)
      def missing = "no serf; `bin/bench --peers` takes it from the system's packages (Debian)"
      def version = "Serf #{`#{program} version`[/\d\S*/]}"
      def what = "user event → handler that writes a file"

      def install = Debian.unpack(@cache, "serf")

      def measure
        Dir.mktmpdir("serf") do |dir|
          mark = File.join(dir, "mark")
          rpc = start(dir, mark)
          Samples.take(@options.count(COUNT)) { |index| fire(rpc, mark, index) }
        ensure
          Array(@pids).each { |pid| Process.kill("KILL", pid) && Process.wait(pid) }
        end
      end

      private

      def program
        places = ENV.fetch("PATH", "").split(":").map { |dir| File.join(dir, "serf") }
        places.find { |file| File.executable?(file) } || File.join(@cache, "usr/bin/serf")
      end

      def start(dir, mark)
        handler = File.join(dir, "handler")
        File.write(handler, "#!/bin/sh\n: > #{mark}\n", perm: 0o755)
        first, second, *rpcs = Array.new(4) { Fleet.free_port }
        agent("a", first, rpcs[0], dir)
        agent("b", second, rpcs[1], dir, "-retry-join=127.0.0.1:#{first}", "-retry-interval=1s",
              "-event-handler=user:notify=#{handler}")
        Fleet.eventually("two members") do
          `#{program} members -rpc-addr=127.0.0.1:#{rpcs[1]}`.scan("alive").length == 2
        end
        Rpc.new(rpcs[0])
      end

      def agent(name, port, rpc, dir, *more)
        command = [program, "agent", "-node=#{name}", "-bind=127.0.0.1:#{port}", "-rpc-addr=127.0.0.1:#{rpc}", *more]
        (@pids ||= []) << Process.spawn(*command, %i[out err] => File.join(dir, "#{name}.log"))
      end

      def fire(rpc, mark, index)
        rpc.event("notify", index.to_s)
        sleep 0.0005 until File.exist?(mark)
        File.delete(mark)
      end

      # Serf's RPC: MessagePack, of which only what is needed here.
      class Rpc
        def initialize(port)
          @socket = TCPSocket.new("127.0.0.1", port)
          @seq = -1
          call("handshake", "Version" => 1)
        end

        def event(name, payload) = call("event", "Name" => name, "Payload" => payload, "Coalesce" => false)

        private

        def call(command, body)
          @socket.write(pack("Command" => command, "Seq" => @seq += 1), pack(body))
          answer = @socket.readpartial(4096)
          raise "serf: #{answer}" unless answer.include?("Error\xa0".b) # an empty text
        end

        def pack(value)
          case value
          when Hash then [0x80 | value.length].pack("C") + value.map { |key, item| pack(key) + pack(item) }.join
          when Integer then [0xcd, value].pack("Cn")
          when true, false then value ? "\xc3".b : "\xc2".b
          else [0xa0 | value.bytesize].pack("C") + value.b
          end
        end
      end
    end
  end
end
