# frozen_string_literal: true

module FlockOfChefs
  module CLI
    class Rollout
      # What became of it at one node.
      #
      # @!attribute node
      #   @return [String]
      # @!attribute row
      #   @return [Hash] for the result
      # @!attribute code
      #   @return [Integer, nil] see {ExitCodes}; nil = it was not asked
      # @!attribute look
      #   @return [String, nil] where people find out how it ended, if it may have happened, or may still
      Outcome = Struct.new(:node, :row, :code, :look) do
        # @param error [Exception]
        # @return [Boolean] whether what was asked may have happened all the same
        def self.perhaps?(error)
          case error
          # Who could not connect says why by a code of its own; the bare kind is a connection that broke.
          when ConnectionError then error.code == ConnectionError.default_code
          when OutcomeUnknownError, TimeoutError, ProtocolError, InternalError then true
          else !error.is_a?(Error)
          end
        end

        # @return [Boolean]
        def good? = code == ExitCodes::DONE

        # @return [Boolean] whether it can be asked again, without anything running twice
        def again? = !good? && look.nil?
      end
    end
  end
end
