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
          call = Remote::Call.new(node: options.fetch(:node), api: options.fetch(:api), method: options.fetch(:method),
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
          when String then value.encoding == Encoding::BINARY ? [value].pack("m0") : value
          when Time then value.iso8601(9)
          else value
          end
        end
      end
    end
  end
end
