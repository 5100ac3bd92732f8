# frozen_string_literal: true

require_relative "unique_id"

module FlockOfChefs
  module Run
    # The way out of a worker's child: drafts go into its result, and the agent sends them with the outcome.
    class CollectedHandoff
      # @param collector [#<<]
      def initialize(collector)
        @collector = collector
      end

      # @param draft [Hash{String=>Object}] without id and cause
      # @return [String] the id
      def append(draft)
        UniqueId.generate.tap { |id| @collector << Handoff.complete(draft, id) }
      end

      # There is nobody to tell.
      #
      # @return [nil]
      def poke(_event) = nil
    end
  end
end
