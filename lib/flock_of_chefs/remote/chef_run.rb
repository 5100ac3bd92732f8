# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Remote
    # A Chef run that was asked for.
    #
    #     run = FlockOfChefs["bender0"][:flock_api].run_chef
    #     run.wait(600).state # => "succeeded"
    class ChefRun
      # States after which nothing more comes.
      ENDED = %w[succeeded failed unknown].freeze
      # How long one question for a change is held; the agent holds none for longer than an hour.
      LOOK_S = 60

      # @param api [FlockApi]
      # @param report [Hash{String=>Object}]
      def initialize(api, report)
        @api = api
        @report = report
      end

      # @return [String]
      def id = @report.fetch("id")

      # @return [String] "queued", "converging", "succeeded", "failed", or "unknown" where nobody saw how it ended;
      #   asked anew until it has ended
      # @raise [Error]
      def state = report.fetch("state")

      # @return [Hash{String=>Object}] id, state, number, started_ms, ended_ms, message
      # @raise [ResourceNotFoundError] when that node's agent was restarted since
      def report
        @report = @api.call(:run, id) unless ENDED.include?(@report["state"])
        @report
      end

      # @param timeout [Numeric] seconds
      # @return [ChefRun] this one, ended
      # @raise [TimeoutError] when it has not ended by then; it goes on
      def wait(timeout = 600)
        deadline = now + timeout
        until ENDED.include?(state)
          left = deadline - now
          raise TimeoutError, "the Chef run #{id} of #{@api.node_name} is still #{state}; it goes on" if left <= 0

          observe(left)
        end
        self
      end

      # @return [String]
      def inspect = "#<#{self.class} #{id} #{@report["state"]}>"

      private

      def observe(left)
        reads = []
        Reads.collect(reads) { report }
        return if ENDED.include?(@report["state"]) || reads.empty?

        topics = reads.map { |read| { node: read.node, name: read.topic, version: read.version } }
        timeout_ms = ([left, LOOK_S].min * 1000).ceil
        client.call("observe", { topics:, timeout_ms: }, timeout_ms: timeout_ms + 1_000)
      end

      def client = Calls.current.client

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
