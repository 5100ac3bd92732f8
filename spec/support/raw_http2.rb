# frozen_string_literal: true

require "openssl"
require "socket"

# HTTP/2 written by hand, so that it can be written wrongly.
module RawHttp2
  PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".b.freeze
  DATA = 0
  HEADERS = 1
  RESET = 3
  SETTINGS = 4
  PING = 6
  WINDOW = 8
  CONTINUATION = 9
  END_STREAM = 1
  END_HEADERS = 4

  module_function

  # @param length [Integer] what the frame says of itself
  def frame(type, payload = "", flags: 0, stream: 0, length: payload.bytesize)
    [length >> 8, length & 0xff, type, flags, stream].pack("nCCCN") + payload.b
  end

  # Literals that are neither indexed nor compressed.
  def fields(hash)
    hash.map { |name, value| "\0".b + [name, value].map { |text| [text.bytesize].pack("C") + text.b }.join }.join
  end

  def headers(path, stream: 1, flags: END_HEADERS)
    frame(HEADERS, fields(":method" => "POST", ":scheme" => "http", ":path" => path, ":authority" => "x",
                          "content-type" => "application/grpc", "te" => "trailers", "flock-protocol" => "1"),
          flags: flags, stream: stream)
  end

  # A gRPC message in frames of the usual size.
  #
  # @param says [Integer] the length that its prefix names
  def message(body, stream: 1, says: body.bytesize)
    chunks = "\0#{[says].pack("N")}#{body}".b.scan(/.{1,16384}/mn)
    chunks.each_with_index.map do |chunk, index|
      frame(DATA, chunk, stream: stream, flags: index == chunks.length - 1 ? END_STREAM : 0)
    end.join
  end

  def greeting = PREFACE + frame(SETTINGS)
  def call(path, body, **options) = headers(path) + message(body, **options)
end
