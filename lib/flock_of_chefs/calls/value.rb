# frozen_string_literal: true

require "json"
require "time"
require_relative "../errors"

module FlockOfChefs
  # What both ends of a call between nodes share.
  # @api private
  module Calls
    # Arguments and results on their way: data as JSON knows it, and besides binary strings and times. Hash keys come
    # back as strings.
    #
    #     Value.load(Value.dump([1, { name: "x" }, Time.now], "the result")) # => [1, { "name" => "x" }, 2026-…]
    #
    # A binary string is +{"$binary": base64}+, a time +{"$time": ISO 8601 with nanoseconds}+; a hash's own key that
    # begins with +$+ gets one more.
    module Value
      # Of the text of one call's arguments, or of its result.
      MAX_BYTES = 1024 * 1024
      # Arrays and hashes inside one another.
      MAX_DEPTH = 64
      # Of an integer: what every language reads.
      INTEGERS = (-(2**63)..((2**64) - 1))

      # A binary string and a time as data.
      BINARY = "$binary"
      # See {BINARY}.
      TIME = "$time"

      class << self
        # @param object [Object]
        # @param what [String] for the error: what the object is
        # @return [String] JSON
        # @raise [ProtocolError] when it is no data (+not_data+) or too much of it (+too_large+)
        def dump(object, what)
          text = JSON.generate(encode(object, what, 0))
          return text if text.bytesize <= MAX_BYTES

          raise ProtocolError.new("#{what} has #{text.bytesize} bytes as JSON; at most #{MAX_BYTES} travel with one " \
                                  "call", code: "too_large")
        end

        # @param text [String] JSON
        # @return [Object]
        # @raise [ProtocolError] when it is none
        def load(text)
          decode(JSON.parse(text, max_nesting: (2 * MAX_DEPTH) + 4))
        rescue JSON::ParserError => e
          raise ProtocolError, "what came is no JSON: #{e.message[0, 200]}"
        end

        private

        def encode(object, what, depth)
          case object
          when nil, true, false then object
          when String, Symbol then string(object.is_a?(Symbol) ? object.name : object, what)
          when Numeric then number(object, what)
          when Array, Hash then nested(object, what, depth)
          when Time then { TIME => object.getutc.iso8601(9) }
          else refuse(what, "is a #{object.class}: only data can travel (nil, booleans, numbers, strings, symbols, " \
                            "times, arrays, hashes)")
          end
        end

        def nested(object, what, depth)
          refuse(what, "is nested deeper than #{MAX_DEPTH}") if depth >= MAX_DEPTH

          if object.is_a?(Array)
            return object.each_with_index.map do |item, n|
              encode(item, "#{what}[#{n}]", depth + 1)
            end
          end

          object.to_h { |key, value| [key(key, what), encode(value, "#{what}[#{key.inspect}]", depth + 1)] }
        end

        def key(key, what)
          refuse(what, "has the key #{key.inspect}, a #{key.class}; keys are strings or symbols") \
            unless key.is_a?(String) || key.is_a?(Symbol)

          text = utf8(key.to_s) or refuse(what, "has a key that is no UTF-8")
          text.start_with?("$") ? "$#{text}" : text
        end

        def string(text, what)
          utf8(text) || binary(text) || refuse(what, "is a string that is not valid #{text.encoding}")
        end

        def utf8(text)
          return unless text.valid_encoding?
          return text if text.encoding == Encoding::UTF_8
          return text.encode(Encoding::UTF_8) unless text.encoding == Encoding::BINARY

          text.dup.force_encoding(Encoding::UTF_8) if text.ascii_only?
        rescue EncodingError
          nil
        end

        def binary(text) = ({ BINARY => [text].pack("m0") } if text.encoding == Encoding::BINARY)

        def number(number, what)
          return number if number.is_a?(Integer) ? INTEGERS.cover?(number) : number.is_a?(Float) && number.finite?

          refuse(what, "is #{number}: numbers are integers of 64 bits and finite floats")
        end

        def refuse(what, why) = raise(ProtocolError.new("#{what} #{why}", code: "not_data"))

        def decode(json)
          case json
          when Array then json.map { |item| decode(item) }
          when Hash then special(json) || json.to_h { |key, value| [key.delete_prefix("$"), decode(value)] }
          else json
          end
        end

        def special(json)
          return unless json.size == 1

          name, value = json.first
          case name
          when BINARY then value.unpack1("m0")
          when TIME then Time.iso8601(value)
          end
        rescue ArgumentError
          raise ProtocolError, "what came has a #{name} that is none"
        end
      end
    end
  end
end
