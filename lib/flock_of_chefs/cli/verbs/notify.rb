# frozen_string_literal: true

require_relative "../../remote/outcomes"

module FlockOfChefs
  module CLI
    module Verbs
      # Asks nodes to run an action of one of their resources, and waits for the outcomes if asked to.
      class Notify < Verb
        # +type[name]+.
        KEY = /\A\w+\[.+\]\z/m
        # An action's name.
        ACTION = /\A[a-z]\w{0,63}\z/
        # Of the table.
        COLUMNS = %w[id state peer key action run_ms code message].freeze
        # Nodes that one notification may name.
        TARGETS = 1000
        # Exit codes of those that have ended, surely.
        ENDED = [ExitCodes::DONE, ExitCodes::FAILED, ExitCodes::DENIED].freeze
        # How often those that are outstanding are looked at, for people who watch several.
        LOOK_S = 1

        # @option options [String, nil] :node nil = those that the options of {Selecting} choose
        # @option options [String] :resource +"service[nginx]"+
        # @option options [String] :action +"restart"+
        # @option options [String] :wait how long to wait for the outcomes (of each batch); not at all unless given
        # @option options [Boolean] :dry_run besides :batch and :max_errors of {Rollout}
        # @return [Result]
        def call(client, options)
          wait_ms = Value.duration_ms(options[:wait], "--wait")
          check(options, wait_ms)
          return planned(client, options[:node], options) if options[:dry_run]

          targets = options[:node] ? [options[:node]] : nodes(client, nil, options)
          rollout = rolling(targets, options)
          rollout.run do |batch|
            batch.each_slice(TARGETS) { |nodes| notified(rollout, client, nodes, options, wait_ms) }
          end
          summed_up(rollout, columns: wait_ms ? COLUMNS : COLUMNS.first(5), name: "id")
        end

        private

        def check(options, wait_ms)
          key, action = options.values_at(:resource, :action)
          raise ConfigurationError, "#{key}: write the resource as 'type[name]', in quotes" unless KEY.match?(key)
          raise ConfigurationError, "#{action}: not the name of an action" unless ACTION.match?(action)
          return if wait_ms || options.values_at(:batch, :max_errors).none?

          raise ConfigurationError, "--batch and --max-errors need --wait: the next begin when those have ended"
        end

        def rolling(targets, options)
          @drafts = {}
          rollout(targets, options) do |node, state, message|
            draft = state == "unknown" ? @drafts.fetch(node) : { key: options[:resource], action: options[:action] }
            [row(draft, node, state, message), look(draft[:id])]
          end
        end

        # Its id is said first: whatever comes then, people can ask for it. Batches that wait for one another would all
        # go out of a spool at once.
        def notified(rollout, client, nodes, options, wait_ms)
          draft = draft(nodes, options)
          say("notification #{draft[:id]}: #{draft[:key]} #{draft[:action]} on #{named(nodes)}")
          nodes.each { |node| @drafts[node] = draft }.each { |node| rollout.began(node) }
          where = client.append(draft, spool: !rollout.several?).fetch("where")
          return spooled(rollout, draft, nodes, wait_ms) if where == "spool"
          return handed_over(rollout, draft, nodes, "queued", ExitCodes::DONE) unless wait_ms

          awaited(rollout, client, draft, nodes, wait_ms)
        end

        def draft(nodes, options)
          { id: native.new_id, key: options[:resource], action: options[:action], timing: "immediately",
            targets: { nodes: } }
        end

        def named(nodes) = nodes.size > 5 ? "#{nodes.size} nodes" : nodes.join(", ")

        # @return [Hash] as the agent's records are
        def row(draft, node, state, message = nil)
          { "id" => draft[:id], "state" => state, "peer" => node, "key" => draft[:key], "action" => draft[:action],
            "message" => message }.compact
        end

        def look(id) = Called.line("notifications show", id.to_s)

        def handed_over(rollout, draft, nodes, state, code)
          look = look(draft[:id]) unless code == ExitCodes::DONE
          nodes.each do |node|
            rollout.ended(Rollout::Outcome.new(node, row(draft, node, state), code, look), state)
          end
        end

        def spooled(rollout, draft, nodes, wait_ms)
          say("no agent answers; it is kept in the spool and goes out when the agent runs (flockctl agent)")
          handed_over(rollout, draft, nodes, "spooled", wait_ms ? ExitCodes::UNKNOWN : ExitCodes::DONE)
        end

        def awaited(rollout, client, draft, nodes, wait_ms)
          told = {}
          records = wait(client, draft, wait_ms, nodes.one? ? nil : LOOK_S) do |seen|
            tell(rollout, seen.select { |record| Remote::Outcomes.ended?([record]) }, told)
          end
          tell(rollout, records, told)
          unfinished(draft, wait_ms, told.values)
          (nodes - told.keys).each { |node| unheard(rollout, draft, node) }
        end

        def wait(client, draft, wait_ms, every_s, &watch)
          waiting = Remote::Outcomes.new(client:, every_s:, watch:) { |line| say(line) }
          waiting.await(draft[:id], wait_ms / 1000.0)
        end

        # Those that were not told of before.
        def tell(rollout, records, told)
          records.each do |record|
            told[record["peer"]] ||= rollout.ended(outcome(record), record["state"])
          end
        end

        def outcome(record)
          code = ExitCodes.of_states([record["state"]])
          look = look(record["id"]) unless ENDED.include?(code)
          Rollout::Outcome.new(record["peer"], record, code, look)
        end

        # No agent answered all the time.
        def unheard(rollout, draft, node)
          row = row(draft, node, "unknown", "no agent answered")
          rollout.ended(Rollout::Outcome.new(node, row, ExitCodes::UNKNOWN, look(draft[:id])), "no agent answered")
        end

        def unfinished(draft, wait_ms, outcomes)
          return if outcomes.none? { |outcome| outcome.code == ExitCodes::DEADLINE }

          say("notification #{draft[:id]}: not finished after #{Value.duration(wait_ms)}")
        end
      end
    end
  end
end
