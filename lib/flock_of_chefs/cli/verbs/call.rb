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
          Result.new(data: shown(answer), name: nil, text: JSON.pretty_generate(shown(answer)))
        end

        def many(calls, call, nodes, options)
          rollout = rollout(nodes, options) { |node, _, message| [row(node, Error.new(message)), look(node)] }
          rollout.run { |batch| rollout.ask(batch) { |node| ask(rollout, calls, call, node) } }
          summed_up(rollout, name: "node", text: text(rollout.outcomes))
        end

        def ask(rollout, calls, call, node)
          rollout.began(node)
          answer = Many.attempt { calls.call(call.dup.tap { |asked| asked.node = node }) }
          rollout.ended(outcome(node, answer), answer.is_a?(Error) ? answer.message : "answered")
        end

        def outcome(node, answer)
          look = look(node) if answer.is_a?(Error) && Rollout::Outcome.perhaps?(answer)
          Rollout::Outcome.new(node, row(node, answer), code(answer), look)
        end

        # No node keeps a record of the calls of its APIs.
        def look(node) = "what the API on #{node} tells of itself"

        # Those that could not be called are talk, not data; of those that were not asked nothing was said yet.
        def text(outcomes)
          outcomes.select { |outcome| outcome.good? || outcome.code.nil? }
                  .map { |outcome| line(outcome.node, outcome.row) }.join("\n")
        end

        def line(node, row) = "#{node}: #{row["error"] ? Value.plain(row["error"]) : JSON.generate(row["answer"])}"

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
