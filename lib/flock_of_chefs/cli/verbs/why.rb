# frozen_string_literal: true

require_relative "../../remote"
require_relative "why/findings"

module FlockOfChefs
  module CLI
    module Verbs
      # Why a node can be reached, or why not: what this node, its hub and the node itself say.
      class Why < Verb
        # Of the table.
        COLUMNS = %w[level check message remedy].freeze
        # For the question to the node itself.
        TIMEOUT_MS = 10_000

        # @option options [String] :node
        # @return [Result] a finding for each thing that was looked at
        def call(client, options)
          node = options.fetch(:node)
          # First, so that what comes of it is known to the agent.
          answer = answer(client, node)
          report = client.call("why", { node: })
          findings = Findings.new(report, answer).all
          Result.new(data: { "node" => node, "findings" => findings, "known" => report }, name: "node",
                     text: text(findings), code: code(findings))
        end

        private

        # @return [Float, Error] milliseconds that a question took
        def answer(client, node)
          begun = Monotonic.now
          call = Remote::Call.new(node:, api: Remote::FLOCK_API, name: "ping", arguments: [], timeout_ms: TIMEOUT_MS)
          Many.attempt { Remote::Calls.new(client).call(call) && ((Monotonic.now - begun) * 1000) }
        end

        def text(findings)
          findings.map do |found|
            remedy = "\n          #{found["remedy"]}" unless found["remedy"].empty?
            "#{found["level"].ljust(8)}#{found["check"].ljust(14)}#{Value.plain(found["message"])}#{remedy}"
          end.join("\n")
        end

        def code(findings)
          levels = findings.to_h { |found| [found["check"], found["level"]] }
          return ExitCodes::DENIED if levels["denial"]
          return ExitCodes::NOTHING if levels["name"]
          return ExitCodes::UNKNOWN if levels["answer"] == "error"

          levels.value?("error") ? ExitCodes::FAILED : ExitCodes::DONE
        end
      end
    end
  end
end
