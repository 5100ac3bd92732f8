# frozen_string_literal: true

require_relative "../../remote"

module FlockOfChefs
  module CLI
    module Verbs
      # Has Chef run on nodes, and waits for its end if asked to.
      class RunChef < Verb
        # Of the table.
        COLUMNS = %w[node id state number started_ms ended_ms message].freeze
        # How a run ended => exit code; all else has not ended.
        CODES = { "succeeded" => ExitCodes::DONE, "failed" => ExitCodes::FAILED,
                  "unknown" => ExitCodes::UNKNOWN }.freeze

        # @option options [String, nil] :node nil = those that the options of {Selecting} choose
        # @option options [String] :run_list
        # @option options [Boolean] :why_run
        # @option options [String] :wait
        # @return [Result]
        def call(client, options)
          Remote::Calls.current = Remote::Calls.new(client)
          wait_ms = Value.duration_ms(options[:wait], "--wait")
          nodes = nodes(client, options[:node], options)
          runs = Many.map(nodes) { |node| ask(node, options) }
          raise runs.values.first if nodes.one? && runs.values.first.is_a?(Error)

          rows = wait_ms ? awaited(runs, wait_ms) : runs.map { |node, run| row(node, run) }
          Result.new(data: rows.map(&:first), columns: COLUMNS, name: "id", code: ExitCodes.worst(rows.map(&:last)))
        end

        private

        def ask(node, options)
          FlockOfChefs[node][:flock_api].run_chef(run_list: options[:run_list].to_s.split(","),
                                                  why_run: options[:why_run])
        end

        # They go on side by side; so the waits have one end.
        def awaited(runs, wait_ms)
          deadline = now + (wait_ms / 1000.0)
          runs.map do |node, run|
            ended = run.is_a?(Error) ? run : Many.attempt { run.wait([deadline - now, 0].max) }
            # Time is up for it, and what is known of it is its row.
            late = ended.is_a?(TimeoutError) && !run.is_a?(Error)
            say(late ? ended.message : "#{node}: #{ended.is_a?(Error) ? ended.message : ended.state}") if late || runs.size > 1
            row, code = row(node, late ? run : ended)
            [row, late ? ExitCodes::DEADLINE : code(row, code)]
          end
        end

        def row(node, run)
          return [{ "node" => node, "message" => run.message }, ExitCodes.of_error(run)] if run.is_a?(Error)

          [{ "node" => node, **run.report }, ExitCodes::DONE]
        end

        def code(row, code) = row["state"] ? CODES.fetch(row["state"], ExitCodes::DEADLINE) : code

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
