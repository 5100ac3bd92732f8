# frozen_string_literal: true

require_relative "per_run"
require_relative "wait"

module FlockOfChefs
  module Recipe
    # The waits of one Chef run, by the resource that declares them.
    class Waits
      extend PerRun

      # Where in +node.run_state+.
      STATE_KEY = :flock_of_chefs_waits

      # @return [Chef::RunContext]
      attr_reader :root

      # @param root [Chef::RunContext]
      def initialize(root)
        @root = root
        @waits = {}.compare_by_identity
      end

      # @param resource [Chef::Resource]
      # @param wait [Wait]
      # @return [void]
      def add(resource, wait)
        (@waits[resource] ||= []) << wait
      end

      # What was waited until comes before what was waited while, as ever.
      #
      # @param resource [Chef::Resource]
      # @return [Array<Wait>]
      def of(resource) = (@waits[resource] || []).partition { |wait| wait.word == :wait_until }.flatten
    end
  end
end
