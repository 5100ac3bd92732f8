# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl log-level`
      class LogLevel < Command
        desc "Change what the agent logs until it is started again, or say what it does"
        verb :LogLevel, agent: :here

        # What the agent knows.
        LEVELS = %w[error warn info debug trace].freeze

        argument :level, required: false, values: LEVELS, desc: "The level (default: only say which it is)"
      end
    end
  end
end
