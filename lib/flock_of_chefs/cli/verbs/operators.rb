# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Who may ask hubs without an agent: those whose certificate holds or can still be renewed.
      class Operators < Verb
        # Of the table.
        COLUMNS = %w[name issued_ms expires_ms].freeze

        # @return [Result]
        def call(client, _options = {})
          operators = client.call("operators").fetch("records")
          say("no operators; `flockctl token create --operator NAME` on a hub invites one") if operators.empty?
          Result.new(data: operators, columns: COLUMNS)
        end
      end
    end
  end
end
