# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl nodes`
      class Nodes < Command
        desc "List the nodes of the flock"
        verb :Nodes

        argument :name, desc: "One node"
        Selecting.offer(self)
        example ["--format names", "--role web --format names", "--service /human_api",
                 "--select 'role:web AND environment:production' -F json"]
      end
    end
  end
end
