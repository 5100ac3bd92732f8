# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The nodes of the flock.
      class Nodes < Verb
        # Of the table; what APIs offer by the method is in JSON only.
        COLUMNS = %w[name presence address environment roles tags cloud apis hub generation].freeze

        # @option options [String] :name one node; all unless given, or those that the options of {Selecting} choose
        # @return [Result]
        def call(client, options = {})
          answer = answer(client, options)
          nodes = answer.fetch("nodes").sort_by { |node| node["name"] }.map { |node| row(node) }
          say("the hub is away: this list is the last one known") if answer["stale"]
          say("no node matched") if nodes.empty?
          Result.new(data: nodes, columns: COLUMNS, code: nodes.empty? ? ExitCodes::NOTHING : ExitCodes::DONE)
        end

        private

        def answer(client, options)
          return Selecting.find(client, [*options[:name]], options) if Selecting.any?(options)

          client.call("nodes", { name: options.fetch(:name, "") })
        end

        # +/api+ and +/api/method+ => api.
        def row(node)
          node.merge("apis" => Array(node["services"]).map { |service| service.split("/")[1] }.uniq)
        end
      end
    end
  end
end
