# frozen_string_literal: true

require_relative "../monotonic"
require_relative "../recipe/naming"
require_relative "outcome"
require_relative "redaction"
require_relative "tally"

module FlockOfChefs
  module Worker
    # Runs one resource and what it notifies, by Chef's own Runner and public methods only. A converge over a list of
    # resources set to :nothing would do the same in twenty times the time.
    class TargetRunner
      include Monotonic

      # Of what a wait says that it waits for.
      MISSING_CHARS = 300

      # @param compiled [Compile::Compiled]
      # @param target [Chef::Resource]
      # @param action [Symbol] one of the target's allowed actions
      # @param changes_path [String, nil] where its updates are kept until there is a result
      def initialize(compiled, target, action, changes_path: nil)
        @compiled = compiled
        @target = target
        @action = action
        @changes = Changes.new(changes_path)
        @runner = Chef::Runner.new(compiled.run_context)
        @tally = Tally.new
        @errors = []
      end

      # @return [Outcome]
      def call
        @compiled.events.register(@tally)
        @compiled.events.register(@changes)
        started = now
        missing = catch(:flock_later) do
          run
          nil
        end
        missing ? Outcome.waits(missing[0, MISSING_CHARS]) : outcome(now - started)
      end

      private

      def run
        @target.action(@action)
        ended_early = catch(:end_client_run_early) do
          attempt { run_target }
          flush { true }
          :no
        end
        # A reboot skips what is delayed, but a promised notification to another node is not lost with it.
        flush { |notification| Recipe::Naming.proxy?(notification.resource) } unless ended_early == :no
      end

      def run_target
        # Chef looks at before-notifications before the resource looks up what they name.
        @target.resolve_notification_references
        @runner.run_all_actions(@target)
      end

      # The list may grow while it is worked through.
      def flush
        @runner.delayed_actions.each do |notification|
          next unless yield notification

          attempt do
            notification.resolve_resource_reference(@compiled.run_context.resource_collection)
            @runner.run_action(notification.resource, notification.action, :delayed)
          end
        end
      end

      def attempt
        yield
      rescue SignalException, NoMemoryError
        raise
      rescue Exception => e # rubocop:disable Lint/RescueException -- as Chef's own Runner does
        @errors << e
      end

      def outcome(seconds)
        error = @errors.first || @tally.first_error
        Outcome.new(
          status: @errors.empty? ? "done" : "failed", code: @errors.empty? ? "" : "action_failed",
          message: error ? Redaction.message(error, @tally.failed) : "", updated: @tally.updated?(@target),
          resources_updated: @tally.count, run_ms: (seconds * 1000).round, drafts: @compiled.drafts.to_a,
          changes: @changes.to_a
        )
      end
    end
  end
end
