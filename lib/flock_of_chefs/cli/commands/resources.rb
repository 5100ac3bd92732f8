# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl resources`
      class Resources < Command
        desc "List the resources of a node, or of many, that others may notify"
        verb :Resources

        argument :node, desc: "The node (default: this one)"
        Selecting.offer(self)
        option :dry_run, type: :flag, desc: "Only tell which nodes would be asked"
      end
    end
  end
end
