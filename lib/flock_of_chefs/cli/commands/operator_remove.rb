# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl operator remove`
      class OperatorRemove < Command
        desc "Remove an operator from the flock"
        verb :OperatorRemove, agent: :here

        argument :name, required: true, desc: "The operator"
      end
    end
  end
end
