# frozen_string_literal: true

require_relative "../monotonic"
require_relative "per_run"
require_relative "wait"

module FlockOfChefs
  module Recipe
    # The waits of one Chef run, by the resource that declares them.
    class Waits
      include Monotonic

      extend PerRun

      # Where in +node.run_state+.
      STATE_KEY = :flock_of_chefs_waits

      # @return [Chef::RunContext]
      attr_reader :root

      # @param root [Chef::RunContext]
      def initialize(root)
        @root = root
        @waits = {}.compare_by_identity
        @spent = {}.compare_by_identity
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

      # An action begins. Its retries share the time of its waits: Chef begins them anew, and so they would wait anew.
      #
      # @param resource [Chef::Resource]
      # @return [void]
      def begin_action(resource) = @waits[resource]&.each { |wait| @spent.delete(wait) }

      # Waits, with the time that earlier tries have left.
      #
      # @param wait [Wait]
      # @yieldparam wait [Wait] the same with that time
      # @return [Object] the block's
      def within_time(wait)
        began = now
        yield wait.dup.tap { |rest| rest.timeout_s = [wait.limit_s - @spent.fetch(wait, 0), 0].max }
      ensure
        @spent[wait] = @spent.fetch(wait, 0) + now - began
      end
    end
  end
end
