# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl agent`
      class Agent < Command
        desc "Run the agent in the foreground"
        verb :Agent, agent: false, silent: true

        option :grace, desc: "How long running actions are waited for when it stops (default: 10s)"
      end
    end
  end
end
