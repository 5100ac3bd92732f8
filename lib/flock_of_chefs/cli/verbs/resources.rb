# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The resources of a node, or of many, that others may notify.
      class Resources < Verb
        # Of the table.
        COLUMNS = %w[resource actions default source remarks].freeze

        # @option options [String] :node this node unless given, or those that the options of {Selecting} choose
        # @option options [Boolean] :dry_run
        # @return [Result]
        def call(client, options = {})
          return planned(client, options[:node] || own(client, options), options) if options[:dry_run]

          Selecting.any?(options) ? many(client, options) : one(client, options[:node].to_s)
        end

        private

        # Who is asked where nobody is named.
        def own(client, options) = (client.call("hello").fetch("name") unless Selecting.any?(options))

        def one(client, node)
          rows = rows(answer = client.call("resources", { node: }))
          say(headline(answer, rows))
          Result.new(data: rows, columns: COLUMNS, name: "key", code: code(rows))
        end

        def many(client, options)
          nodes = nodes(client, options[:node], options)
          answers = Many.map(nodes) { |node| rows(client.call("resources", { node: })) }
          failures, found = answers.partition { |_, answer| answer.is_a?(Error) }.map(&:to_h)
          failures.each { |node, error| say("#{node}: #{error.message}") }
          rows = found.values.flatten
          Result.new(data: rows, columns: ["node", *COLUMNS], name: "key", code: code(rows, failures.values),
                     failed: found.empty? ? [] : failures.keys)
        end

        def code(rows, errors = [])
          return ExitCodes.worst(errors.map { |error| ExitCodes.of_error(error) }) if errors.any?

          rows.empty? ? ExitCodes::NOTHING : ExitCodes::DONE
        end

        def headline(answer, rows)
          return "#{answer["node"]}: no resources known; it has not converged yet" if rows.empty?

          "#{answer["node"]}: generation #{answer["generation"]}, #{rows.size} resources"
        end

        def rows(answer)
          answer.fetch("cards").map { |card| { "node" => answer["node"], **card, **view(card) } }
        end

        def view(card)
          { "resource" => card["key"], "actions" => card["allowed_actions"], "default" => card["default_action"],
            "source" => "#{card["cookbook"]}::#{card["recipe"]}:#{card["line"]}",
            "remarks" => %w[sensitive duplicate nested].select { |flag| card[flag] } }
        end
      end
    end
  end
end
