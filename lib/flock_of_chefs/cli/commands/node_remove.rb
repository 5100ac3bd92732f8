# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl node remove`
      class NodeRemove < Command
        desc "Remove a node from the flock"
        verb :NodeRemove, agent: :here

        argument :name, required: true, desc: "The node"
      end
    end
  end
end
