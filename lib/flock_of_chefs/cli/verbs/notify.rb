# frozen_string_literal: true

require_relative "../../remote/outcomes"

module FlockOfChefs
  module CLI
    module Verbs
      # Asks a node to run an action of one of its resources, and waits for the outcome if asked to.
      class Notify < Verb
        # +type[name]+.
        KEY = /\A\w+\[.+\]\z/m
        # An action's name.
        ACTION = /\A[a-z]\w{0,63}\z/
        # Of the table.
        COLUMNS = %w[id state peer key action run_ms code message].freeze

        # @option options [String] :node
        # @option options [String] :resource +"service[nginx]"+
        # @option options [String] :action +"restart"+
        # @option options [String] :wait how long to wait for the outcome; not at all unless given
        # @return [Result]
        def call(client, options)
          wait_ms = Value.duration_ms(options[:wait], "--wait")
          draft = draft(options)
          where = client.append(draft).fetch("where")
          say("notification #{draft[:id]}: #{draft[:key]} #{draft[:action]} on #{options.fetch(:node)}")
          return spooled(draft, options, wait_ms) if where == "spool"

          wait_ms ? awaited(client, draft, wait_ms) : handed_over(draft, options, "queued", ExitCodes::DONE)
        end

        private

        def draft(options)
          key, action = options.values_at(:resource, :action)
          raise ConfigurationError, "#{key}: write the resource as 'type[name]', in quotes" unless KEY.match?(key)
          raise ConfigurationError, "#{action}: not the name of an action" unless ACTION.match?(action)

          { id: native.new_id, key:, action:, timing: "immediately", targets: { nodes: [options.fetch(:node)] } }
        end

        def handed_over(draft, options, state, code)
          row = { "id" => draft[:id], "state" => state, "peer" => options.fetch(:node), "key" => draft[:key],
                  "action" => draft[:action] }
          Result.new(data: [row], columns: COLUMNS.first(5), name: "id", code:)
        end

        def spooled(draft, options, wait_ms)
          say("no agent answers; it is kept in the spool and goes out when the agent runs (flockctl agent)")
          handed_over(draft, options, "spooled", wait_ms ? ExitCodes::UNKNOWN : ExitCodes::DONE)
        end

        def unfinished(draft, wait_ms)
          say("not finished after #{wait_ms} ms; see flockctl notifications show #{draft[:id]}")
        end

        def awaited(client, draft, wait_ms)
          outcomes = Remote::Outcomes.new(client:) { |line| say(line) }
          records = outcomes.await(draft[:id], wait_ms / 1000.0)
          code = ExitCodes.of_states(records.map { |record| record["state"] })
          unfinished(draft, wait_ms) if code == ExitCodes::DEADLINE
          Result.new(data: records, columns: COLUMNS, name: "id", code:)
        end
      end
    end
  end
end
