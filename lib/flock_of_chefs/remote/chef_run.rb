# frozen_string_literal: true

require_relative "../errors"
require_relative "../monotonic"

module FlockOfChefs
  module Remote
    # A Chef run that was asked for.
    #
    #     run = FlockOfChefs["bender0"][:flock_api].run_chef
    #     run.wait(600).state # => "succeeded"
    class ChefRun
      include Monotonic

      # States after which nothing more comes.
      ENDED = %w[succeeded failed unknown].freeze
      # How long one question for a change is held; the agent holds none for longer than an hour.
      LOOK_S = 60
      # Code of the error by which a node says that it knows nothing of a run.
      GONE = "no_such_run"
      # Before a node is asked again that did not answer.
      PAUSE_S = 1

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
      # @raise [OutcomeUnknownError] code +no_such_run+ when that node's agent was restarted since
      def report
        @report = @api.call(:run, id) unless ENDED.include?(@report["state"])
        @report
      rescue ResourceNotFoundError => e
        raise unless e.code == GONE

        raise OutcomeUnknownError.new("how the Chef run #{id} of #{@api.node_name} ends is not known: its agent was " \
                                      "restarted since; see the node's `state`", code: GONE)
      end

      # @param timeout [Numeric] seconds
      # @return [ChefRun] this one, ended
      # @raise [TimeoutError] when it has not ended by then; it goes on
      def wait(timeout = 600)
        deadline = now + timeout
        loop do
          left = deadline - now
          state = look(left)
          return self if ENDED.include?(state)
          raise TimeoutError, "the Chef run #{id} of #{@api.node_name} is still #{state}; it goes on" if left <= 0
        end
      end

      # @return [String]
      def inspect = "#<#{self.class} #{id} #{@report["state"]}>"

      private

      # Its agent may be restarted meanwhile, even by the run itself.
      def look(left)
        reads = []
        Reads.collect(reads) { report }
        observe(reads, left) unless ENDED.include?(@report["state"]) || left <= 0
        @report["state"]
      rescue ConnectionError, TimeoutError, OutcomeUnknownError => e
        raise if left <= 0 || e.code == GONE

        sleep([PAUSE_S, left].min)
        @report["state"]
      end

      def observe(reads, left)
        topics = reads.map { |read| { node: read.node, name: read.topic, version: read.version } }
        timeout_ms = ([left, LOOK_S].min * 1000).ceil
        client.call("observe", { topics:, timeout_ms: }, timeout_ms: timeout_ms + 1_000)
      end

      def client = Calls.current.client
    end
  end
end
