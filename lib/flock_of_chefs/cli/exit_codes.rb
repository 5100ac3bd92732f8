# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # Fewer nodes match than are asked for; nothing was started.
    class QuorumError < Error; end

    # What flockctl's (and knife flock's) exit codes mean; scripts hold on to them.
    module ExitCodes
      # All that was asked for happened.
      DONE = 0
      # Wrong usage or configuration, or a fault of ours.
      USAGE = 1
      # At least one target failed.
      FAILED = 2
      # Nothing matched.
      NOTHING = 3
      # Something could not be reached, or its outcome is not known.
      UNKNOWN = 4
      # The deadline passed.
      DEADLINE = 5
      # A quorum was not met; nothing was started.
      QUORUM = 6
      # Policy forbids it.
      DENIED = 7
      # Ctrl-C.
      INTERRUPTED = 130

      # What a command raised => its exit code; all else is {USAGE}.
      ERRORS = {
        NodeNotFoundError => NOTHING, ResourceNotFoundError => NOTHING, ConnectionError => UNKNOWN,
        OutcomeUnknownError => UNKNOWN, TimeoutError => DEADLINE, QuorumError => QUORUM, DeniedError => DENIED,
        RejectedError => FAILED, RemoteError => FAILED
      }.freeze

      # A notification's state => exit code; all else has not ended: {DEADLINE}.
      STATES = {
        "done" => DONE, "failed" => FAILED, "expired" => FAILED, "undeliverable" => FAILED, "denied" => DENIED,
        "unknown" => UNKNOWN, "superseded" => UNKNOWN
      }.freeze

      # The worst comes first: what went wrong for sure, then what may still go well.
      ORDER = [INTERRUPTED, FAILED, DENIED, USAGE, NOTHING, QUORUM, UNKNOWN, DEADLINE].freeze

      module_function

      # @param error [Exception]
      # @return [Integer]
      def of_error(error) = error.is_a?(Interrupt) ? INTERRUPTED : ERRORS.fetch(error.class, USAGE)

      # @param codes [Array<Integer>]
      # @return [Integer] the worst
      def worst(codes) = ORDER.find { |code| codes.include?(code) } || DONE

      # @param states [Array<String>] where the notifications stand after waiting for them
      # @return [Integer] the worst one's; {NOTHING} of none
      def of_states(states)
        codes = states.map { |state| STATES.fetch(state, DEADLINE) }
        codes.empty? ? NOTHING : worst(codes)
      end
    end
  end
end
