# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Chef's event dispatcher, for our own listeners only: formatters, reporters and handlers that cookbooks register
    # must not take this for a run. Loaded once Chef is.
    class QuietDispatcher < Chef::EventDispatch::Dispatcher
      # Those that a handler may have; the recipe words note here which resource caused a delayed notification.
      OURS = %w[FlockOfChefs::Run::Sources FlockOfChefs::Worker::Changes FlockOfChefs::Worker::Tally].freeze

      # Ignores all others.
      def register(subscriber)
        super if OURS.include?(subscriber.class.name)
      end
    end
  end
end
