# frozen_string_literal: true

require "chef/log"
require_relative "awaited"
require_relative "query"
require_relative "termination"
require_relative "../run/handoff"

module FlockOfChefs
  module Recipe
    # One firing of a proxy: what is asked for, when, and by whom.
    class Handover
      # Chef's notification type => the draft's timing.
      TIMINGS = { before: "before", immediate: "immediately", delayed: "delayed" }.freeze

      # @param patience [Patience, nil] how long the run waits for the outcome
      # @param off [Boolean] whether the surroundings forbid sending
      # @param blind [Boolean] whether the sources may be incomplete
      def initialize(request, timing, sources, patience: nil, off: false, blind: false)
        @request = request
        @timing = timing
        @sources = sources
        @patience = patience
        @off = off
        @blind = blind
      end

      # @return [Boolean, Symbol] true if every source ignores failures
      def ignore_failure
        values = @sources.map(&:ignore_failure)
        values.any? && values.all? ? values.first : false
      end

      # In the dry pass that precedes a +before+ notification, Chef queues delayed notifications of nested resources for
      # real. Such a one has no source that was really updated.
      #
      # @return [Boolean] whether there is nothing to send
      def void?
        @off || (@timing == "delayed" && @sources.empty? && !@blind && !::Chef::Config[:why_run])
      end

      # Hands the notification over, durably. A query that finds nobody is logged, and nothing is sent.
      #
      # @return [void]
      # @raise [Error] if it can be kept nowhere
      def deliver
        blaming do
          targets = @request.query ? Query.resolve(@request) : @request.targets
          next if targets.nil?

          @id = Run::Handoff.current.append(draft(targets))
          ::Chef::Log.info("flock_of_chefs: notification #{@id}: #{@request.label}")
        end
      end

      # Waits for the outcome of what was delivered, where the recipe says so.
      #
      # @return [void]
      # @raise [Error] if it is not done at all targets in time; see {Awaited#finish}
      def await
        return if @id.nil? || @patience.nil?
        return unwaited(LOCKED) if Run::Handoff.redirected?

        if Termination.asked?
          Termination.end_run
          return unwaited("TERM was received")
        end
        blaming { Termination.heeded { Awaited.new(@id, @request, @patience).finish } }
      end

      # @return [String] for people
      def to_s = @request.label

      private

      # Why a worker does not wait.
      LOCKED = "a worker fires this resource, and holds Chef's run lock"
      private_constant :LOCKED

      def unwaited(why) = ::Chef::Log.info("flock_of_chefs: notification #{@id} is not waited for: #{why}")

      def blaming
        yield
      rescue StandardError => e
        raise e.exception(blame(e))
      rescue ScriptError => e # Chef's ignore_failure covers StandardError only
        raise InternalError, blame(e)
      end

      def draft(targets)
        { "key" => @request.key, "action" => @request.action, "timing" => @timing, "targets" => targets,
          "sources" => @sources.map(&:to_draft), "ttl_ms" => @request.ttl_ms, "retry" => @request.retries }
      end

      def blame(error)
        keys = @sources.map(&:key)
        promised = keys.empty? ? "" : " (promised by #{keys.first(3).join(", ")}#{" …" if keys.size > 3})"
        "#{@request.label}#{promised}: #{error.message}"
      end
    end
  end
end
