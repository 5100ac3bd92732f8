# frozen_string_literal: true

require "securerandom"
require_relative "../errors"
require_relative "../monotonic"
require_relative "calls"
require_relative "reads"
require_relative "waiter"

module FlockOfChefs
  module Remote
    # One wait: a block is asked, and asked again when something that it read of other nodes has changed, and at growing
    # pauses: nobody tells of what else it depends on (a file, a clock), or whether it does.
    # @api private
    class Waiting
      # Shortest pause between two questions for which nothing has changed.
      PAUSE_MIN_S = 0.1
      # Longest such pause.
      PAUSE_CAP_S = 10
      # How often a line says what is waited for.
      PROGRESS_S = 30
      # The agent answers this much before our own patience with it ends.
      SLACK_MS = 2_000
      # The first pause after the second of several changes that each came at once.
      HASTY_S = 0.05
      # Answers that are none yet: who is not there may come.
      NOT_YET = [NodeNotFoundError, ResourceNotFoundError, ConnectionError, TimeoutError, OutcomeUnknownError,
                 RejectedError].freeze
      # A circle does not pass.
      FINAL = %w[wait_cycle].freeze

      # @param wait [Recipe::Wait] what is waited for, and how
      # @param run [Hash{Symbol=>String}] whose waiting keeps a Chef run: +:run_id+ and +:at+; empty = nobody's
      # @param client [LocalClient, nil] nil = this process's
      # @param secret [Boolean] whether nobody may see what the block reads
      # @param clock [#call] seconds that never go back
      # @param sleeper [#call]
      # @yieldparam line [String] for people, every {PROGRESS_S}
      def initialize(wait, run: {}, client: nil, secret: false, clock: Monotonic.method(:now),
                     sleeper: Kernel.method(:sleep),
                     &progress)
        @wait = wait
        @run = run
        @secret = secret
        @progress = progress
        @client = client
        @clock = clock
        @sleep = sleeper
        @id = SecureRandom.uuid
        @hasty = 0
      end

      # Returns when it is so.
      #
      # @return [Boolean] false when the time was up before
      # @raise [Error] +wait_cycle+, +denied+ and all else that does not pass; whatever the block raises
      def over?
        @begun = @told = @clock.call
        @pause = [@wait.pause_s, PAUSE_MIN_S].max
        until stable?(satisfied?)
          return false if left <= 0

          rest
          tell
        end
        true
      ensure
        Waiter.over(client, waiter) if @held
      end

      # Asks once, for those who may not wait.
      #
      # @return [Boolean]
      def now? = satisfied?

      # @return [String] what is missing, and what it was last
      def to_s
        @wait.message || "#{@wait.word == :wait_until ? "until" : "while"} #{@missing || "the block says so"}"
      end

      private

      # In place of what a sensitive resource's block reads.
      HIDDEN = "[hidden: the resource is sensitive]"
      private_constant :HIDDEN

      def satisfied?
        @reads = []
        value = Reads.collect(@reads, &@wait.block)
        @missing = describe(value)
        @failed = @reads.any? { |read| read.value.is_a?(Exception) } # the block may have rescued it
        @wait.satisfied_by?(value)
      rescue *NOT_YET => e
        raise if FINAL.include?(e.code)

        @failed = true
        @missing = describe(e)
        false
      end

      def describe(value)
        read = @reads.reject { |one| one.topic.nil? }.last || @reads.last
        "#{read ? read.description : "its block"} (last: #{shown(read, value)[0, 200]})"
      end

      def shown(read, value)
        return HIDDEN if @secret
        return value.message if value.is_a?(Exception)

        (read ? read.value : value).inspect
      end

      def stable?(satisfied)
        return @since = nil unless satisfied

        @since ||= @clock.call
        @clock.call - @since >= @wait.stable_for_s
      end

      def left = @wait.limit_s - (@clock.call - @begun)

      # Until something has changed, the next question is due, or a line is.
      def rest
        topics = topics_read
        seconds = [left, PROGRESS_S - (@clock.call - @told), *till_stable, pause].min
        topics.empty? ? @sleep.call([seconds, 0].max) : observe(topics, [seconds, 0.001].max)
      end

      def till_stable = @since ? [@wait.stable_for_s - (@clock.call - @since)] : []

      def pause = @pause.tap { @pause = [@pause * 2, PAUSE_CAP_S].min }

      # The last read of each counts.
      def topics_read
        watched = @reads.select(&:topic).to_h { |read| [[read.node, read.topic], read.version] }
        watched.map { |(node, name), version| { node:, name:, version: } }
      end

      def observe(topics, seconds)
        timeout_ms = (seconds * 1000).ceil
        began = @clock.call
        @held = !@run.empty?
        client.call("observe", { topics:, timeout_ms:, waiter: }, timeout_ms: timeout_ms + SLACK_MS)
        calm(@clock.call - began)
      rescue *NOT_YET => e
        circle if FINAL.include?(e.code)

        @sleep.call([1, left].min.clamp(0, 1)) # the agent is being restarted
      end

      # The agent keeps it for the others in the circle to find.
      def circle
        @held = false
        raise
      end

      # A change that comes at once, again and again, while the block has no answer (no such method) tells nothing.
      def calm(seconds)
        return @hasty = 0 if seconds >= 1 || !@failed

        @sleep.call([HASTY_S * (2**@hasty), PAUSE_CAP_S, left].min.clamp(0, PAUSE_CAP_S)) if @hasty.positive?
        @hasty += 1
      end

      def waiter = { id: @id, blocks_run: !@run.empty?, **@run }

      def client = @client || Calls.current.client

      def tell
        now = @clock.call
        return if now - @told < PROGRESS_S

        @told = now
        @progress&.call("waits for #{(now - @begun).round} s #{self}; #{left.round} s are left")
      end
    end
  end
end
