# frozen_string_literal: true

require_relative "../../operator_client"

module FlockOfChefs
  module CLI
    module Verbs
      # Removes an operator: the certificate is denied everywhere and open connections are closed.
      class OperatorRemove < Verb
        # @option options [String] :name
        # @return [Result]
        def call(client, options)
          name = options.fetch(:name).delete_prefix("operator/")
          client.call("node_remove", { name: "operator/#{name}" })
          say("operator/#{name} is removed; a new token and `flockctl join --operator --replace` bring it back")
          Result.new(data: { "name" => name, "removed" => true }, text: name)
        end
      end
    end
  end
end
