# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Removes a node from the flock: its certificate is denied and its connections are closed.
      class NodeRemove < Verb
        # @option options [String] :name
        # @return [Result]
        def call(client, options)
          name = options.fetch(:name)
          client.call("node_remove", { name: })
          say("#{name} is removed; it can come back with a new token and `flockctl join --replace`")
          Result.new(data: { "name" => name, "removed" => true }, text: name)
        end
      end
    end
  end
end
