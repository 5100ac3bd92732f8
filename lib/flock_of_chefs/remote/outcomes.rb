# frozen_string_literal: true

require_relative "../errors"
require_relative "../monotonic"
require_relative "calls"
require_relative "waiter"

module FlockOfChefs
  module Remote
    # Waits for notifications of this node to end, in slices: an agent that is restarted meanwhile is asked again.
    # @api private
    class Outcomes
      # How often a line says what is waited for.
      PROGRESS_S = 30
      # Before an agent is asked again that did not answer, or could not wait.
      PAUSE_S = 1
      # The agent answers this much before our own patience with it ends.
      SLACK_MS = 2_000
      # States in which more is to come.
      UNFINISHED = %w[queued offered stored claimed].freeze
      # What an agent says that is away, or has not taken the notification in from the spool yet.
      NOT_YET = [ConnectionError, TimeoutError, OutcomeUnknownError, ResourceNotFoundError].freeze

      class << self
        # @param records [Array<Hash>] as {LocalClient#call} answers them
        # @return [Boolean] whether all have ended
        def ended?(records) = records.any? && records.none? { |record| UNFINISHED.include?(record["state"]) }

        # @param record [Hash]
        # @return [String] where it stands, for people
        def standing(record)
          peer, state, code = record.values_at("peer", "state", "code").map(&:to_s)
          "#{peer.empty? ? "targets" : peer}: #{state}#{" #{code}" unless code.empty?}"
        end
      end

      # @param waiter [Hash, nil] whose run waits, as proto/flock/v1/common.proto's Waiter; nil = nobody's
      # @param client [LocalClient, nil] nil = this process's
      # @param clock [#call] seconds that never go back
      # @param sleeper [#call]
      # @param every_s [Numeric, nil] seconds that one question is held at most; nil = as long as nothing is told
      # @param watch [#call, nil] takes the records whenever they were asked for
      # @yieldparam line [String] for people, every {PROGRESS_S}
      def initialize(waiter: nil, client: nil, clock: Monotonic.method(:now), sleeper: Kernel.method(:sleep),
                     every_s: nil, watch: nil, &progress)
        @waiter = waiter
        @client = client
        @clock = clock
        @sleep = sleeper
        @every_s = every_s || PROGRESS_S
        @watch = watch
        @progress = progress
      end

      # @param id [String] the notification's
      # @param timeout_s [Numeric]
      # @return [Array<Hash>] a record for each target: ended, or where it stands when the time is up; empty if no agent
      #   ever answered
      # @raise [RejectedError] code +wait_cycle+
      # @raise [Error] what does not pass
      def await(id, timeout_s)
        @begun = @told = @clock.call
        @end = @begun + timeout_s
        records = []
        loop do
          records = ask(id, records)
          @watch&.call(records)
          return records if Outcomes.ended?(records)
          return given_up(records) if left <= 0

          tell(id, records)
        end
      end

      private

      def given_up(records)
        Waiter.over(client, @waiter) if @waiter
        records
      end

      def client = @client || Calls.current.client

      def ask(id, known)
        asked = @clock.call
        seconds = [left, @every_s, PROGRESS_S - (asked - @told)].min.clamp(0.001, PROGRESS_S)
        records = await_once(id, (seconds * 1000).ceil)
        # It answers early when it is about to stop.
        pause unless Outcomes.ended?(records) || @clock.call - asked >= seconds
        records
      rescue *NOT_YET
        pause
        known
      end

      def await_once(id, timeout_ms)
        body = { id:, timeout_ms:, waiter: @waiter }.compact
        client.call("await", body, timeout_ms: timeout_ms + SLACK_MS).fetch("records")
      end

      def pause = @sleep.call([PAUSE_S, left].min.clamp(0, PAUSE_S))

      def left = @end - @clock.call

      def tell(id, records)
        now = @clock.call
        return if now - @told < PROGRESS_S

        @told = now
        standing = records.reject { |record| Outcomes.ended?([record]) }.map { |record| Outcomes.standing(record) }
        standing = ["the agent does not know of it yet"] if records.empty?
        @progress&.call("notification #{id} has been waited for #{(now - @begun).round} s " \
                        "(#{standing.first(5).join(", ")}#{" …" if standing.size > 5}); #{left.round} s are left")
      end
    end
  end
end
