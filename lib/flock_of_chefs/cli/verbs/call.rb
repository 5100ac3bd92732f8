# frozen_string_literal: true

require "json"
require_relative "../../remote"

module FlockOfChefs
  module CLI
    module Verbs
      # Calls a method of an API of a node; prints what it answers.
      class Call < Verb
        # Of a call that names no deadline.
        TIMEOUT_MS = 10_000

        # @option options [String] :node
        # @option options [String] :api
        # @option options [String] :method
        # @option options [Array<String>] :arguments
        # @option options [String] :timeout
        # @option options [Boolean] :async
        # @return [Result]
        def call(client, options)
          call = Remote::Call.new(node: options.fetch(:node), api: options.fetch(:api), name: options.fetch(:method),
                                  arguments: arguments(options), receipt: options[:async],
                                  timeout_ms: Value.duration_ms(options[:timeout], "--timeout") || TIMEOUT_MS)
          answer = Remote::Calls.new(client).call(call)
          Result.new(data: answer, text: JSON.pretty_generate(shown(answer)))
        end

        private

        # What is no JSON is meant as it stands: nobody quotes twice.
        def arguments(options)
          Array(options[:arguments]).map do |text|
            JSON.parse(text)
          rescue JSON::ParserError
            text
          end
        end

        def shown(value)
          case value
          when Array then value.map { |item| shown(item) }
          when Hash then value.transform_values { |item| shown(item) }
          when Time then value.iso8601(9)
          else binary?(value) ? [value].pack("m0") : value
          end
        end

        def binary?(value) = value.is_a?(String) && value.encoding == Encoding::BINARY
      end
    end
  end
end
