# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl metrics`
      class Metrics < Command
        desc "Print the agent's numbers for Prometheus"
        verb :Metrics, agent: :here
      end
    end
  end
end
