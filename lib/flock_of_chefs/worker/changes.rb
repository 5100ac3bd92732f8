# frozen_string_literal: true

require "json"
require_relative "../run/change"
require_relative "../run/updates"

module FlockOfChefs
  module Worker
    # What the action and its notifications really updated, for the nodes that subscribe to it. The agent takes it from
    # the result file, and where a killed worker left none from results/ID.changes, a line each. Loaded once Chef is.
    class Changes < Run::Updates
      # One action that updates more is not reported whole.
      LIMIT = 1_000
      # Bytes of all their keys: the result file has a limit, and a result beyond it counts as none.
      LIMIT_BYTES = 128 * 1024

      # @param path [String, nil] where they are kept until there is a result
      def initialize(path = nil)
        super("report what the action updates")
        @path = path
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
        keep(change) if @path
      end

      # Not synced: what is kept is to outlive this process, not the machine.
      def keep(change)
        File.open(@path, File::WRONLY | File::CREAT | File::APPEND, 0o600) do |file|
          file.syswrite("#{JSON.generate(change.to_entry)}\n")
        end
      end
    end
  end
end
