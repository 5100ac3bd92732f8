# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Remote
    # This node.
    # @api private
    module Own
      class << self
        # @return [String] the name that it has in the flock
        # @raise [ConfigurationError] if it is in none
        def name
          return Calls.current.client.config.fetch("name") unless defined?(Worker) && Worker.job

          # A worker asks no agent.
          ::Chef.node.name
        end
      end
    end
  end
end
