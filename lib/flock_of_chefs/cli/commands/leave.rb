# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl leave`
      class Leave < Command
        desc "Take this node out of its flock"
        verb :Leave, agent: :here

        option :force, type: :flag, desc: "Although notifications of this node have not ended"
        option :yes, type: :flag, desc: "Do not ask"
      end
    end
  end
end
