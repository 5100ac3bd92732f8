# frozen_string_literal: true

require_relative "preload"
FlockOfChefs::Worker::Preload.chef

module FlockOfChefs
  module Worker
    # Chef's event dispatcher, with ears for one listener of ours only: formatters, reporters and handlers that cookbooks
    # register (some of which save snapshots) must not take this for a run.
    class QuietDispatcher < Chef::EventDispatch::Dispatcher
      # Ignored.
      def register(_subscriber) = nil

      # @param listener [Object]
      def listen(listener)
        subscribers.replace([listener])
      end
    end
  end
end
