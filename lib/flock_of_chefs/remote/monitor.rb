# frozen_string_literal: true

require_relative "../errors"
require_relative "calls"

module FlockOfChefs
  module Remote
    # Tells when a node, or one of its APIs, goes down and comes up, on a thread of its own.
    #
    #     monitor = FlockOfChefs["db"].monitor { |event| warn "#{event.node} is #{event.state}: #{event.reason}" }
    #     FlockOfChefs["db"][:backup].monitor { |event| page if event.down? }
    #     monitor.stop
    #
    # The first event tells how it is now. A node is down when its agent does not answer this one: at once when their
    # connection breaks, within half a minute when the network is silent. One that was started again in between is told
    # as down and up.
    class Monitor
      # Of one process, at once.
      LIMIT = 64
      # How long one question is held.
      HELD_MS = 60_000
      # Pause while this node's own agent is away.
      PAUSE_S = 1
      # What was never read.
      UNREAD = "?"
      # The version of an API that is not there.
      ABSENT = "absent"

      # How something is now.
      #
      # @!attribute [r] node
      #   @return [String]
      # @!attribute [r] api
      #   @return [String, nil] nil = the node itself
      # @!attribute [r] state
      #   @return [Symbol] +:up+ or +:down+
      # @!attribute [r] reason
      #   @return [Symbol, nil] of +:down+: +:node_down+, +:api_down+ or +:restarted+
      Event = Struct.new(:node, :api, :state, :reason, keyword_init: true) do
        # @return [Boolean]
        def down? = state == :down
      end

      @running = 0
      @lock = Mutex.new

      class << self
        # Counts one more.
        #
        # @api private
        # @return [void]
        # @raise [RejectedError] at the limit
        def enter
          @lock.synchronize do
            raise RejectedError.new("#{LIMIT} monitors are at work; stop some", code: "monitors") if @running >= LIMIT

            @running += 1
          end
        end

        # Counts one less.
        #
        # @api private
        # @return [void]
        def leave = @lock.synchronize { @running -= 1 }
      end

      # @return [Exception, nil] what ended it: a refusal by the node's policy, or what the block raised
      attr_reader :error

      # @param node [String]
      # @param api [String, nil]
      # @param calls [Calls]
      # @yieldparam event [Event]
      # @raise [RejectedError] when too many are at work
      def initialize(node, api = nil, calls: Calls.current, &block)
        raise ArgumentError, "a block hears what happens" unless block

        Monitor.enter
        @node = node
        @api = api
        @calls = calls
        @version = UNREAD
        @thread = Thread.new { run(block) }
        @thread.report_on_exception = false
      end

      # Tells nothing more.
      #
      # @return [void]
      def stop
        @thread.kill
        return if @thread == Thread.current

        @thread.join
        leave
      end

      # @return [Boolean]
      def alive? = @thread.alive?

      # @return [String]
      def inspect = "#<#{self.class} #{[@node, @api].compact.join(".")}>"

      private

      def run(block)
        loop { look { |event| block.call(event) } }
      rescue StandardError => e
        @error = e
      ensure
        leave
      end

      # Once: a thread that is killed before it has begun runs no ensure.
      def leave
        Monitor.leave unless @left
        @left = true
      end

      def look(&)
        observed = observe or return
        version = observed["version"].to_s
        return if version == @version

        events(@version, @version = version).each(&)
      end

      # Its own agent may be on its way back.
      def observe
        topics = [{ node: @node, name: @api ? "api:#{@api}" : "agent", version: @version }]
        asked = { topics:, timeout_ms: HELD_MS }
        @calls.client.call("observe", asked, timeout_ms: HELD_MS + 2_000)["changed"].to_a.first
      rescue ConnectionError, TimeoutError, OutcomeUnknownError, RejectedError
        sleep PAUSE_S
        nil
      end

      def events(before, now)
        return [] if seen(before) == seen(now)
        return [down(now == ABSENT ? :api_down : :node_down)] unless up?(now)

        up?(before) ? [down(:restarted), up] : [up]
      end

      def up?(version) = ![UNREAD, "", ABSENT].include?(version)

      # An API's version is that of its host and a count of changes.
      def seen(version) = version[/\A[^.]*/]

      def up = Event.new(node: @node, api: @api, state: :up)

      def down(reason) = Event.new(node: @node, api: @api, state: :down, reason:)
    end
  end
end
