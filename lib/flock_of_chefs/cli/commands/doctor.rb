# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl doctor`
      class Doctor < Command
        desc "Look for what is wrong on this node"
        verb :Doctor, agent: :here
      end
    end
  end
end
