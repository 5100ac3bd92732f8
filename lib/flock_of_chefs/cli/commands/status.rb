# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl status`
      class Status < Command
        desc "Show how the agent of this node is"
        verb :Status
      end
    end
  end
end
