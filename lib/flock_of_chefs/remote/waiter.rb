# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Remote
    # One wait of a Chef run, as other nodes know of it while it lasts.
    # @api private
    module Waiter
      # What telling may take.
      TELL_MS = 500

      # Says that the run waits no longer: else it counts as a wait for some seconds, as between two questions, and
      # another node could take what is over for half of a circle.
      #
      # @param client [LocalClient]
      # @param waiter [Hash] proto/flock/v1/common.proto's Waiter
      # @return [void]
      def self.over(client, waiter)
        client.call("observe", { topics: [], timeout_ms: 0, waiter: }, timeout_ms: TELL_MS)
      rescue Error
        nil # the agent is being restarted, and has forgotten it
      end
    end
  end
end
