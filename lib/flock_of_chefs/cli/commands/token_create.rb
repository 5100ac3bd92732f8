# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl token create`
      class TokenCreate < Command
        desc "Make a join string for new nodes, or for an operator"
        verb :TokenCreate, agent: :here

        option :ttl, desc: "How long it is good for: 90s, 15m, 24h, 7d (default: 24h)"
        option :uses, desc: "How many nodes may use it (default: 1)"
        option :node, desc: "Which node names may use it, a glob (default: any)"
        option :operator, desc: "Let in this operator, and no node"
        example ["--operator alice", "--ttl 1h --uses 20 --node 'web*'"]
      end
    end
  end
end
