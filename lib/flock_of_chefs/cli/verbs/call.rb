# frozen_string_literal: true

require "json"
require_relative "../../remote"

module FlockOfChefs
  module CLI
    module Verbs
      # Calls a method of an API of a node, or of many; prints what it answers.
      class Call < Verb
        # Of a call that names no deadline.
        TIMEOUT_MS = 10_000

        # @option options [String, nil] :node nil = those that the options of {Selecting} choose
        # @option options [String] :api
        # @option options [String] :method
        # @option options [Array<String>] :arguments
        # @option options [String] :timeout
        # @option options [Boolean] :async
        # @option options [Boolean] :dry_run besides :batch and :max_errors of {Rollout}
        # @return [Result]
        def call(client, options)
          call = asked(options)
          return planned(client, options[:node], options) if options[:dry_run]

          calls = Remote::Calls.new(client)
          return one(calls, call, options[:node]) if options[:node]

          many(calls, call, nodes(client, nil, options), options)
        end

        private

        def asked(options)
          Remote::Call.new(api: options.fetch(:api), name: options.fetch(:method), arguments: arguments(options),
                           receipt: options[:async],
                           timeout_ms: Value.duration_ms(options[:timeout], "--timeout") || TIMEOUT_MS)
        end

        def one(calls, call, node)
          answer = calls.call(call.dup.tap { |asked| asked.node = node })
          Result.new(data: shown(answer), text: JSON.pretty_generate(shown(answer)))
        end

        def many(calls, call, nodes, options)
          rollout = Rollout.new(nodes, options, progress(nodes.size))
          outcomes = rollout.run do |batch|
            rollout.ask(batch) { |node| ask(rollout, calls, call, node) }.values
          end
          summed_up(outcomes, name: "node", text: text(outcomes.map(&:row)))
        end

        def ask(rollout, calls, call, node)
          rollout.began(node)
          answer = Many.attempt { calls.call(call.dup.tap { |asked| asked.node = node }) }
          outcome = Rollout::Outcome.new(node, row(node, answer), code(answer))
          rollout.ended(outcome, answer.is_a?(Error) ? answer.message : "answered")
        end

        # Those that could not be called are talk, not data.
        def text(rows)
          rows.reject { |row| row["error"] }
              .map { |row| "#{row["node"]}: #{JSON.generate(row["answer"])}" }.join("\n")
        end

        def row(node, answer)
          return { "node" => node, "answer" => nil, "error" => answer.message } if answer.is_a?(Error)

          { "node" => node, "answer" => shown(answer), "error" => nil }
        end

        def code(answer) = answer.is_a?(Error) ? ExitCodes.of_error(answer) : ExitCodes::DONE

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
