# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The nodes of the flock.
      class Nodes < Verb
        # Of the table.
        COLUMNS = %w[name presence address environment roles tags cloud hub generation].freeze

        # @option options [String] :name one node; all unless given
        # @return [Result]
        def call(client, options = {})
          answer = client.call("nodes", { name: options.fetch(:name, "") })
          nodes = answer.fetch("nodes").sort_by { |node| node["name"] }
          say("the hub is away: this list is the last one known") if answer["stale"]
          say("no node matched") if nodes.empty?
          Result.new(data: nodes, columns: COLUMNS, code: nodes.empty? ? ExitCodes::NOTHING : ExitCodes::DONE)
        end
      end
    end
  end
end
