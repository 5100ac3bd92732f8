# frozen_string_literal: true

require_relative "../../remote"

module FlockOfChefs
  module CLI
    module Verbs
      # Has Chef run on a node, and waits for its end if asked to.
      class RunChef < Verb
        # Of the table.
        COLUMNS = %w[id state number started_ms ended_ms message].freeze
        # How a run ended => exit code; all else has not ended.
        CODES = { "succeeded" => ExitCodes::DONE, "failed" => ExitCodes::FAILED }.freeze

        # @option options [String] :node
        # @option options [String] :run_list
        # @option options [Boolean] :why_run
        # @option options [String] :wait
        # @return [Result]
        def call(client, options)
          Remote::Calls.current = Remote::Calls.new(client)
          wait_ms = Value.duration_ms(options[:wait], "--wait")
          run = FlockOfChefs[options.fetch(:node)][:flock_api]
                .run_chef(run_list: options[:run_list].to_s.split(","), why_run: options[:why_run])
          code = wait_ms ? awaited(run, wait_ms) : ExitCodes::DONE
          Result.new(data: [run.report], columns: COLUMNS, name: "id", code:)
        end

        private

        def awaited(run, wait_ms)
          CODES.fetch(run.wait(wait_ms / 1000.0).state, ExitCodes::DEADLINE)
        rescue TimeoutError => e
          say(e.message)
          ExitCodes::DEADLINE
        end
      end
    end
  end
end
