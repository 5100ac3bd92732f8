# frozen_string_literal: true

require_relative "../../remote"
require_relative "../../recipe/wait"
require_relative "condition"

module FlockOfChefs
  module CLI
    module Verbs
      # Waits until something is so on so many nodes, each by the machinery of +wait_until+.
      class Wait < Verb
        # Of a wait that names no time.
        TIMEOUT_MS = 600_000
        # Nodes that are waited for at once; each is a question that the agent holds.
        NODES = 100

        # @option options [Array<String>] :nodes besides, or in place of them, the options of {Selecting}
        # @option options [String] :for
        # @option options [String] :while
        # @option options [String] :timeout
        # @option options [String] :at_least
        # @option options [Boolean] :dry_run
        # @return [Result]
        def call(client, options)
          word, condition = condition(options)
          timeout_s = (Value.duration_ms(options[:timeout], "--timeout") || TIMEOUT_MS) / 1000.0
          Value.share(options[:at_least], 1, "--at-least")
          return planned(client, options[:nodes], options) if options[:dry_run]

          nodes = nodes(client, options[:nodes], options)
          raise ConfigurationError, "#{nodes.size} nodes; at most #{NODES} are waited for at once" if nodes.size > NODES

          Remote::Calls.current = Remote::Calls.new(client)
          wait = ->(node) { Recipe::Wait.parse(word, nil, { timeout: timeout_s }, asking(condition, node), "flockctl wait") }
          result(nodes, wanted(nodes, options), wait)
        end

        private

        # Read once, for all nodes.
        def condition(options)
          raise ConfigurationError, "write --for or --while, one of them" unless options.values_at(:for, :while).one?

          [options[:while] ? :wait_while : :wait_until, Condition.parse(options[:for] || options[:while])]
        end

        def asking(condition, node) = -> { condition.holds?(FlockOfChefs[node]) }

        def wanted(nodes, options)
          wanted = Value.share(options[:at_least], nodes.size, "--at-least") || nodes.size
          return wanted if wanted <= nodes.size

          raise QuorumError, "--at-least #{options[:at_least]} of #{nodes.size} #{nodes.one? ? "node" : "nodes"}: " \
                             "these are too few; none was asked"
        end

        def result(nodes, wanted, wait)
          outcomes = outcomes(nodes, wanted, wait)
          rows = nodes.map do |node|
            { "node" => node, "so" => false, "last" => nil, **outcomes[node].to_h.except(:error) }
          end
          Result.new(data: rows, columns: %w[node so last], name: "node", code: code(rows, wanted, outcomes),
                     failed: failed(rows, wanted), again: { at_least: still(rows, wanted) })
        end

        # On how many of those that are left it must be so yet; nil = all.
        def still(rows, wanted)
          missing = rows.count { |row| !row["so"] }
          left = wanted - (rows.size - missing)
          left.to_s if left < missing
        end

        # Each node has a thread; once enough are so, the rest is let go.
        def outcomes(nodes, wanted, wait)
          done = Thread::Queue.new
          progress = progress(nodes.size)
          threads = nodes.map do |node|
            progress.began(node)
            Thread.new { done << [node, caught { outcome(node, wait.call(node)) }] }
          end
          enough(done, nodes, wanted, progress)
        ensure
          threads&.each(&:kill)
          progress&.close
        end

        def enough(done, nodes, wanted, progress)
          outcomes = {}
          until outcomes.size == nodes.size || outcomes.values.count { |outcome| outcome["so"] } >= wanted
            node, outcome = done.pop
            raise outcome if outcome.is_a?(Exception)

            outcomes[node] = outcome
            progress.ended(node, outcome["so"] ? "it is so" : outcome["last"].to_s, good: outcome["so"])
          end
          outcomes
        end

        # A fault of ours ends the command, not the thread alone: nobody else would hear of it.
        def caught
          yield
        rescue StandardError => e
          e
        end

        def outcome(node, wait)
          waiting = Remote::Waiting.new(wait) { |line| say("#{node} #{line}") }
          so = waiting.over?
          { "so" => so, "last" => so ? nil : waiting.to_s }
        rescue Error => e
          { "so" => false, "last" => e.message, error: e }
        end

        def enough?(rows, wanted) = rows.count { |row| row["so"] } >= wanted

        def code(rows, wanted, outcomes)
          return ExitCodes::DONE if enough?(rows, wanted)

          error = outcomes.values.filter_map { |outcome| outcome[:error] }.first
          error ? ExitCodes.of_error(error) : ExitCodes::DEADLINE
        end

        # Waiting again is for those that were not so, if others were.
        def failed(rows, wanted)
          missing = rows.reject { |row| row["so"] }.map { |row| row["node"] }
          enough?(rows, wanted) || missing.size == rows.size ? [] : missing
        end
      end
    end
  end
end
