# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl resources`
      class Resources < Command
        desc "List the resources of a node that others may notify"
        verb :Resources

        argument :node, desc: "The node (default: this one)"
      end
    end
  end
end
