# frozen_string_literal: true

require_relative "../run/change"
require_relative "../run/updates"

module FlockOfChefs
  module Worker
    # What the action and its notifications really updated, for the nodes that subscribe to it: a worker has no journal
    # of its own, so the agent takes it from the result file. Loaded once Chef is.
    class Changes < Run::Updates
      # One action that updates more is not reported whole.
      LIMIT = 1_000
      # Bytes of all their keys: the result file has a limit, and a result beyond it counts as none.
      LIMIT_BYTES = 128 * 1024

      def initialize
        super("report what the action updates")
        @changes = []
        @bytes = 0
      end

      # @return [Array<Hash>] in the order of updating
      def to_a = @changes.map(&:to_entry)

      private

      def updated(resource, action)
        change = Run::Change.of(resource, action) or return
        @bytes += change.key.bytesize
        raise RejectedError, "there are too many" if @changes.size >= LIMIT || @bytes > LIMIT_BYTES

        @changes << change
      end
    end
  end
end
