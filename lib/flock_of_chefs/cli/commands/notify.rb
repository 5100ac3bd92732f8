# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl notify`
      class Notify < Command
        desc "Ask a node to run an action of one of its resources"
        verb :Notify

        argument :node, required: true, desc: "The node"
        argument :resource, required: true, desc: "The resource as 'type[name]'"
        argument :action, required: true, desc: "The action"
        option :wait, desc: "Wait so long for the outcome: 30, 30s, 5m"
        example ["web1 'service[nginx]' restart --wait 30"]
      end
    end
  end
end
