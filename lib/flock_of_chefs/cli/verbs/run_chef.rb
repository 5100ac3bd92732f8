# frozen_string_literal: true

require_relative "../../monotonic"
require_relative "../../remote"

module FlockOfChefs
  module CLI
    module Verbs
      # Has Chef run on nodes, and waits for its end if asked to.
      class RunChef < Verb
        include Monotonic

        # Of the table.
        COLUMNS = %w[node id state number started_ms ended_ms message].freeze
        # How a run ended => exit code; all else has not ended.
        CODES = { "succeeded" => ExitCodes::DONE, "failed" => ExitCodes::FAILED,
                  "unknown" => ExitCodes::UNKNOWN }.freeze

        # @option options [String, nil] :node nil = those that the options of {Selecting} choose
        # @option options [String] :run_list
        # @option options [Boolean] :why_run
        # @option options [String] :wait of each batch
        # @option options [Boolean] :dry_run besides :batch and :max_errors of {Rollout}
        # @return [Result]
        def call(client, options)
          wait_ms = Value.duration_ms(options[:wait], "--wait")
          if options[:batch] && !wait_ms
            raise ConfigurationError,
                  "--batch needs --wait: the next begin when those have ended"
          end
          return planned(client, options[:node], options) if options[:dry_run]

          Remote::Calls.current = Remote::Calls.new(client)
          nodes = nodes(client, options[:node], options)
          @runs = {}
          rollout = rollout(nodes, options) do |node, state, message|
            [{ "node" => node, "id" => @runs[node]&.id, "state" => state, "message" => message }.compact, look(node)]
          end
          rollout.run { |batch| batch(rollout, batch, options, wait_ms) }
          summed_up(rollout, columns: COLUMNS, name: "id")
        end

        private

        def look(node) = Called.line("call", node, "flock_api", "state")

        # All are asked first and run side by side, so that waiting takes no longer than the longest.
        def batch(rollout, nodes, options, wait_ms)
          failures, runs = begin_runs(rollout, nodes, options).partition { |_, run| run.is_a?(Rollout::Outcome) }
          deadline = wait_ms && (now + (wait_ms / 1000.0))
          waited = Many.map(runs.map(&:first)) { |node| outcome(rollout, node, runs.to_h.fetch(node), deadline) }
          failures.map(&:last) + waited.values
        end

        def begin_runs(rollout, nodes, options)
          begun = rollout.ask(nodes) { |node| begin_run(rollout, node, options) }
          begun.each_value { |run| raise run if run.is_a?(Error) }
          begun
        end

        # Of the one node that was named, what went wrong is the command's own error.
        def begin_run(rollout, node, options)
          rollout.began(node)
          run = Many.attempt do
            FlockOfChefs[node][:flock_api].run_chef(run_list: options[:run_list].to_s.split(","),
                                                    why_run: options[:why_run])
          end
          return @runs[node] = run unless run.is_a?(Error)
          raise run if options[:node]

          failed(rollout, node, run, look: Rollout::Outcome.perhaps?(run))
        end

        # Once Chef was asked to run, no error tells how it ended.
        def failed(rollout, node, error, row = { "node" => node, "message" => error.message }, look: true)
          outcome = Rollout::Outcome.new(node, row, ExitCodes.of_error(error), (look(node) if look))
          rollout.ended(outcome, error.message)
        end

        def outcome(rollout, node, run, deadline)
          return asked(rollout, node, run) unless deadline

          case ended = Many.attempt { run.wait([deadline - now, 0].max) }
          when Error then failed(rollout, node, ended, row(node, run, ended))
          else ended_as(rollout, node, run, run.state)
          end
        end

        def asked(rollout, node, run)
          rollout.ended(Rollout::Outcome.new(node, row(node, run), ExitCodes::DONE), "asked")
        end

        def ended_as(rollout, node, run, state)
          code = CODES.fetch(state, ExitCodes::DEADLINE)
          look = look(node) unless [ExitCodes::DONE, ExitCodes::FAILED].include?(code)
          rollout.ended(Rollout::Outcome.new(node, row(node, run), code, look), state)
        end

        def row(node, run, error = nil)
          report = Many.attempt { run.report }
          return { "node" => node, "id" => run.id, "message" => (error || report).message } if report.is_a?(Error)

          error ? { "node" => node, **report, "message" => error.message } : { "node" => node, **report }
        end
      end
    end
  end
end
