# frozen_string_literal: true

require "securerandom"
require_relative "raw_http2"

# Bytes that no client of ours sends, and the ways to send them.
module BadInput
  include RawHttp2

  LOCAL = "/flock.v1.Local/"
  PEER = "/flock.v1.Peer/"
  # Bounds a failure: an agent closes the connection, answers, or reads on; each at once.
  PATIENCE_S = 10

  # @param random [Random]
  # @param service [String] the path of a gRPC service, and one of its methods that takes a message
  # @return [Hash{String => String}]
  def attacks(random, service, method)
    broken_frames(random).merge(floods).merge(bad_messages(random, service, method)).transform_values do |bytes|
      greeting + bytes
    end.merge("noise" => random.bytes(64 * 1024), "a request of HTTP/1" => "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
              "half a greeting" => RawHttp2::PREFACE[0, 12])
  end

  def broken_frames(random)
    noise = Array.new(50) { frame(random.rand(16), random.bytes(random.rand(200)), stream: random.rand(9)) }
    { "random frames" => noise.join,
      "settings of no length" => frame(RawHttp2::SETTINGS, "abc"),
      "a frame of 16 MiB" => frame(RawHttp2::DATA, "x" * 64 * 1024, stream: 1, length: 0xffffff),
      "headers that are none" => frame(RawHttp2::HEADERS, random.bytes(500), flags: 4, stream: 1),
      "data of no stream" => frame(RawHttp2::DATA, "abc", stream: 7),
      "a window beyond its end" => Array.new(3) { frame(RawHttp2::WINDOW, [0x7fffffff].pack("N")) }.join }
  end

  def floods
    more = frame(RawHttp2::CONTINUATION, "\0" * 1024, stream: 1)
    cancel = [8].pack("N")
    { "headers without end" => headers("/x", flags: 0) + (more * 4_000),
      "pings" => frame(RawHttp2::PING, "12345678") * 20_000,
      "calls that are taken back" => (0...2_000).map do |index|
        stream = (2 * index) + 1
        headers("#{LOCAL}Status", stream: stream) + frame(RawHttp2::RESET, cancel, stream: stream)
      end.join }
  end

  def bad_messages(random, service, method)
    { "a message of 4 GiB" => call(service + method, "abc", says: 0xffffffff),
      "a message of 2 MiB" => call(service + method, "x" * 2 * 1024 * 1024),
      "a message that is none" => call(service + method, random.bytes(2_000)),
      "a call of nothing" => call("#{service}Explode", ""),
      "a call of nobody" => call("/x", random.bytes(10)) }
  end

  # As many calls as a connection may have, each with a message that lacks its last bytes.
  def unfinished_calls(path, bytes)
    greeting + Array.new(128) do |index|
      stream = (2 * index) + 1
      body = "\0#{[bytes].pack("N")}#{"x" * (bytes - 10)}".b
      chunks = body.scan(/.{1,16384}/mn).map { |chunk| frame(RawHttp2::DATA, chunk, stream: stream) }
      headers(path, stream: stream) + chunks.join
    end.join
  end

  # Sends all of it, as far as the other end takes it, and reads until it closes, answers or falls silent.
  def send_badly(io, bytes)
    bytes.b.scan(/.{1,16384}/mn) do |chunk|
      break unless written?(io, chunk)
    end
    io.to_io.wait_readable(1) && io.read_nonblock(64 * 1024, exception: false)
  rescue SystemCallError, OpenSSL::SSL::SSLError, IOError
    nil # it was closed, which is an answer
  ensure
    io.close
  end

  def written?(io, chunk)
    until chunk.empty?
      case (count = io.write_nonblock(chunk, exception: false))
      when Integer then chunk = chunk.byteslice(count..)
      else return false unless io.to_io.wait_writable(PATIENCE_S)
      end
    end
    true
  end

  # Sends no faster than the other end extends the window of the connection, which only it knows.
  def offer(io, bytes)
    bytes.scan(/.{1,32768}/mn) do |chunk|
      sleep 0.002
      break unless written?(io, chunk)
    end
  rescue SystemCallError, OpenSSL::SSL::SSLError
    nil # it was closed, which is an answer
  end

  # @param identity [Fleet::Node, nil] whose certificate is shown
  def tls(node, identity = nil)
    context = OpenSSL::SSL::SSLContext.new
    context.min_version = OpenSSL::SSL::TLS1_3_VERSION
    context.verify_mode = OpenSSL::SSL::VERIFY_NONE
    context.alpn_protocols = ["h2"]
    show(context, File.read(identity.path("data/identity/node.pem"))) if identity
    OpenSSL::SSL::SSLSocket.new(tcp(node), context).tap do |socket|
      socket.sync_close = true
      socket.connect
    end
  end

  def tcp(node) = TCPSocket.new("127.0.0.1", node.port)
  def unix(node) = UNIXSocket.new(node.path("agent.sock"))

  def memory_mib(node) = File.read("/proc/#{node.pid}/status")[/^VmHWM:\s*(\d+)/, 1].to_i / 1024

  private

  def show(context, pem)
    leaf, *rest = pem.scan(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/m).map do |text|
      OpenSSL::X509::Certificate.new(text)
    end
    context.add_certificate(leaf, OpenSSL::PKey.read(pem), rest)
  end
end
