# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The resources of a node that others may notify.
      class Resources < Verb
        # Of the table.
        COLUMNS = %w[resource actions default source remarks].freeze

        # @option options [String] :node this node unless given
        # @return [Result]
        def call(client, options = {})
          answer = client.call("resources", { node: options[:node].to_s })
          cards = answer.fetch("cards")
          say(headline(answer, cards))
          Result.new(data: cards.map { |card| card.merge(view(card)) }, columns: COLUMNS, name: "key",
                     code: cards.empty? ? ExitCodes::NOTHING : ExitCodes::DONE)
        end

        private

        def headline(answer, cards)
          return "#{answer["node"]}: no resources known; it has not converged yet" if cards.empty?

          "#{answer["node"]}: generation #{answer["generation"]}, #{cards.size} resources"
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
