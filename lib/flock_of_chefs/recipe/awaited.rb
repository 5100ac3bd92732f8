# frozen_string_literal: true

require "chef/log"
require "chef/request_id"
require_relative "../errors"
require_relative "../monotonic"

module FlockOfChefs
  module Recipe
    # A notification whose outcome the run waits for. Other nodes know of it meanwhile, so that runs that wait for one
    # another end.
    class Awaited
      include Monotonic

      # What became of it without anything to complain of.
      DONE = "done"
      # A newer one left in its place.
      SUPERSEDED = "superseded"
      # States with nothing to complain of.
      FINE = [DONE, SUPERSEDED].freeze
      # How else it may end => what that raises, and what to do about it.
      ENDS = {
        "failed" => [RemoteError, "mend it there and run `flockctl notifications retry %<id>s` here"],
        "denied" => [DeniedError, "admit it by [[allow]] in that node's agent.toml"],
        "expired" => [TimeoutError, "see that the node is up, or give a longer ttl:"],
        "undeliverable" => [ResourceNotFoundError, "see `flockctl resources` of that node"],
        "unknown" => [OutcomeUnknownError, "look at the node; `flockctl notifications retry %<id>s` runs it again"]
      }.freeze

      # @param id [String] the notification's
      # @param request [Request]
      # @param patience [Patience]
      # @param outcomes [#await] {Remote::Outcomes}, or its double
      def initialize(id, request, patience, outcomes: nil)
        @id = id
        @request = request
        @patience = patience
        @outcomes = outcomes || Remote::Outcomes.new(waiter:) { |line| ::Chef::Log.info("flock_of_chefs: #{line}") }
      end

      # Returns when it has been done at all of its targets.
      #
      # @return [void]
      # @raise [TimeoutError] code +wait_timeout+: it goes on without the run
      # @raise [Error] when it ended otherwise, with the record's own code; +wait_cycle+
      def finish
        records = outcomes(@id, @patience.limit_s)
        bad = records.reject { |record| fine?(record) }
        return if bad.empty? && records.any?

        record = bad.find { |one| ENDS.key?(one["state"]) } or raise late(bad)
        type, remedy = ENDS.fetch(record["state"])
        raise type.new("#{told(record)}; #{format(remedy, id: record["id"])}", code: code(record))
      end

      private

      def waiter
        { id: @id, run_id: ::Chef::RequestID.instance.request_id, at: @patience.place, blocks_run: true }
      end

      # What a newer one took the place of is done when that one is.
      def outcomes(id, seconds)
        begun = now
        @outcomes.await(id, seconds).flat_map do |record|
          newer = record["state"] == SUPERSEDED && record["message"].to_s[/\Aby ([0-9a-f-]{36})\z/, 1]
          next [record] unless newer

          outcomes(newer, [seconds - (now - begun), 0].max).select { |one| one["peer"] == record["peer"] }
        end
      end

      # Nobody was there to do it, and the recipe says that this is no more than worth a line in the log.
      def fine?(record)
        return true if FINE.include?(record["state"])

        record["code"] == "no_target" && @request.targets["when_none"] == "warn"
      end

      def late(unfinished)
        standing = unfinished.first(3).map { |record| Remote::Outcomes.standing(record) }.join(", ")
        standing = "no agent has answered" if unfinished.empty?
        TimeoutError.new("not finished within #{@patience.limit_s} s (#{standing}#{" …" if unfinished.size > 3}); it " \
                         "goes on, see `flockctl notifications show #{@id}`", code: "wait_timeout")
      end

      def told(record)
        why = [record["code"], record["message"]].reject { |part| part.to_s.empty? }.join(": ")
        action, key, peer, state = record.values_at("action", "key", "peer", "state")
        "#{action} #{key} on #{peer} ended as #{state}#{" (#{why})" unless why.empty?}"
      end

      def code(record) = record["code"].to_s.empty? ? record["state"] : record["code"]
    end
  end
end
