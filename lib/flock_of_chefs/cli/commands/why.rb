# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl why`
      class Why < Command
        desc "Tell why a node can be reached, or why not"
        verb :Why

        argument :node, required: true, desc: "The node"
        example ["web1"]
      end
    end
  end
end
