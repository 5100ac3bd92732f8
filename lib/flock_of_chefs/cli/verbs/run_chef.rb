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
          runs = runs(nodes(client, options[:node], options), options)
          @several = runs.size > 1
          deadline = wait_ms && (now + (wait_ms / 1000.0))
          rows = runs.map { |node, run| outcome(node, run, deadline) }
          Result.new(data: rows.map(&:first), columns: COLUMNS, name: "id", code: ExitCodes.worst(rows.map(&:last)))
        end

        private

        # Of the one node that was named, what went wrong is the command's own error.
        def runs(nodes, options)
          Many.map(nodes) { |node| ask(node, options) }.each_value do |run|
            raise run if options[:node] && run.is_a?(Error)
          end
        end

        def ask(node, options)
          FlockOfChefs[node][:flock_api].run_chef(run_list: options[:run_list].to_s.split(","),
                                                  why_run: options[:why_run])
        end

        # The row of one node, and its exit code. The runs go on side by side; so waiting for one after the other takes
        # no longer than the longest.
        def outcome(node, run, deadline)
          return [row(node, run), ExitCodes.of_error(run)] if run.is_a?(Error)
          return [row(node, run), ExitCodes::DONE] unless deadline

          case ended = Many.attempt { run.wait([deadline - now, 0].max) }
          when TimeoutError then [row(node, run), late(ended)]
          when Error then [row(node, ended), ExitCodes.of_error(ended)]
          else [row(node, run), ended_as(node, run.state)]
          end
        end

        def ended_as(node, state)
          say("#{node}: #{state}") if @several
          CODES.fetch(state, ExitCodes::DEADLINE)
        end

        def late(error)
          say(error.message)
          ExitCodes::DEADLINE
        end

        def row(node, run)
          report = run.is_a?(Error) ? run : Many.attempt { run.report }
          return { "node" => node, **report } unless report.is_a?(Error)

          say("#{node}: #{report.message}")
          { "node" => node, "message" => report.message }
        end

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
