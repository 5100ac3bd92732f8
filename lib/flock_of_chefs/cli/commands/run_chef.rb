# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl run-chef`
      class RunChef < Command
        desc "Have Chef run on a node, or on all that are chosen by what they are, as soon as it can"
        verb :RunChef

        argument :node, required: false, desc: "The node, unless nodes are chosen by what they are"
        option :run_list, desc: "In place of the node's own, for this run: 'recipe[a],role[b]'"
        option :why_run, type: :boolean, default: false, desc: "Only say what would be done"
        option :wait, desc: "Wait so long for its end (of each batch): 90, 10m"
        Selecting.offer(self)
        Rollout.offer(self)
        example ["web1", "web1 --wait 10m", "web1 --run-list 'recipe[app::deploy]' --wait 600",
                 "--select role:web --wait 10m --batch 2 --max-errors 0"]
      end
    end
  end
end
