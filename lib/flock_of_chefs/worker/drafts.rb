# frozen_string_literal: true

require "json"
require_relative "../errors"

module FlockOfChefs
  module Worker
    # Notifications that the action itself sends. A worker has no way to the agent but its result file, so they are
    # collected here and the agent takes them from there, in the same commit as the outcome.
    class Drafts
      # One action that sends more is out of hand; the resource that sends the next one fails.
      LIMIT = 1_000

      # Routes what the recipe words of this process send into a new collector.
      #
      # @param cause [Hash] the chain that led to this action
      # @return [Drafts]
      def self.collect(cause)
        new.tap do |drafts|
          require "flock_of_chefs/run/handoff"
          Run::Handoff.redirect(drafts)
          Run::Handoff.cause = cause
        rescue LoadError => e
          raise unless e.path == "flock_of_chefs/run/handoff"
        end
      end

      def initialize
        @drafts = []
      end

      # @param draft [Hash]
      # @raise [RejectedError] beyond {LIMIT}
      def <<(draft)
        raise RejectedError, "one action may send #{LIMIT} notifications" if @drafts.size >= LIMIT

        @drafts << JSON.parse(JSON.generate(draft)) # what cannot be written fails the resource, not the result file
        self
      end

      # Forgets what was sent while compiling.
      def clear = @drafts.clear

      # @return [Array<Hash>]
      def to_a = @drafts.dup
    end
  end
end
