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
        # @return [Result]
        def call(client, options)
          check(options)
          nodes = nodes(client, options[:nodes], options)
          raise ConfigurationError, "#{nodes.size} nodes; at most #{NODES} are waited for at once" if nodes.size > NODES

          Remote::Calls.current = Remote::Calls.new(client)
          rows = rows(nodes, options)
          Result.new(data: rows, columns: %w[node so last], name: "node", code: code(rows, wanted(nodes, options)))
        end

        private

        def check(options)
          raise ConfigurationError, "write --for or --while, one of them" unless options.values_at(:for, :while).one?

          wanted([], options)
        end

        def wanted(nodes, options)
          text = options[:at_least] or return nodes.size
          number = text[/\A(\d+)%?\z/, 1] or raise ConfigurationError, "--at-least #{text}: write a number, or 50%"
          (text.end_with?("%") ? (nodes.size * number.to_i / 100.0).ceil : number.to_i).clamp(1, [nodes.size, 1].max)
        end

        # Each node has a thread; once enough are so, the rest is let go.
        def rows(nodes, options)
          done = Thread::Queue.new
          threads = nodes.map { |node| Thread.new { done << [node, outcome(node, options)] } }
          outcomes = enough(done, nodes, wanted(nodes, options))
          nodes.map { |node| { "node" => node, "so" => false, "last" => nil, **outcomes.fetch(node, {}) } }
        ensure
          threads&.each(&:kill)
        end

        def enough(done, nodes, wanted)
          outcomes = {}
          outcomes.store(*done.pop) until outcomes.size == nodes.size || outcomes.values.count { so?(_1) } >= wanted
          outcomes
        end

        def so?(outcome) = outcome["so"] == true

        def outcome(node, options)
          waiting = Remote::Waiting.new(wait(node, options)) { |line| say("#{node} #{line}") }
          so = waiting.over?
          { "so" => so, "last" => so ? nil : waiting.to_s }
        rescue Error => e
          { "so" => e, "last" => e.message }
        end

        def wait(node, options)
          condition = Condition.parse(options[:for] || options[:while])
          timeout = (Value.duration_ms(options[:timeout], "--timeout") || TIMEOUT_MS) / 1000.0
          block = -> { condition.holds?(FlockOfChefs[node]) }
          Recipe::Wait.parse(options[:while] ? :wait_while : :wait_until, nil, { timeout: }, block, "flockctl wait")
        end

        def code(rows, wanted)
          errors = rows.map { |row| row["so"] }.grep(Error)
          rows.each { |row| row["so"] = so?(row) }
          return ExitCodes::DONE if rows.count { |row| so?(row) } >= wanted

          errors.empty? ? ExitCodes::DEADLINE : ExitCodes.of_error(errors.first)
        end
      end
    end
  end
end
