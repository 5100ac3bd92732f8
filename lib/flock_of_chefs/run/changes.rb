# frozen_string_literal: true

require_relative "change"
require_relative "updates"

module FlockOfChefs
  module Run
    # Hands every real update to a block.
    class Changes < Updates
      # @yieldparam change [Hash] see {Change.of}
      def initialize(&sink)
        super()
        @sink = sink
      end

      private

      def updated(resource, action) = @sink.call(Change.of(resource, action))

      def purpose = "note what changed for those who subscribe to it"
    end
  end
end
