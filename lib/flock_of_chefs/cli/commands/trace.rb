# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl trace`
      class Trace < Command
        desc "Follow one change from the recipe's line to its effects and back, on all nodes"
        verb :Trace

        argument :id, required: true,
                      desc: "Of a notification, or of the first one of its chain; see flockctl notifications"
        option :node, desc: "Its sender or a target, where this node knows nothing of it"
      end
    end
  end
end
