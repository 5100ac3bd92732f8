# frozen_string_literal: true

module FlockOfChefs
  module Remote
    # How Chef is on a node: "idle" (it never ran), "queued", "converging", "succeeded", "failed", "rebooting" or
    # "unreachable". It compares with strings and symbols.
    #
    #     wait_until { FlockOfChefs["db"][:flock_api].state == :succeeded }
    class State
      # @param fields [Hash{String=>Object}] as the node tells
      def initialize(fields)
        @fields = fields.freeze
      end

      # @return [String]
      def to_s = @fields.fetch("state")

      # @return [Symbol]
      def to_sym = to_s.to_sym

      # @return [Integer, nil] the newest run's number, which grows by one with each
      def number = @fields["number"]

      # @return [Integer, nil] the number of the last run that succeeded
      def generation = @fields["generation"]

      # @return [Time, nil] by that node's clock
      def started_at = time("started_ms")

      # @return [Time, nil] by that node's clock; nil while it runs
      def ended_at = time("ended_ms")

      # @return [String, nil] of the last run, or why the node cannot be reached
      def error = @fields["error"]

      # @return [Hash{String=>Object}]
      def to_h = @fields

      # @return [Boolean]
      def ==(other)
        case other
        when State then to_h == other.to_h
        when String, Symbol then to_s == other.to_s
        else false
        end
      end
      alias eql? ==

      # @return [Integer]
      def hash = to_s.hash

      # @return [String]
      def inspect = "#<#{self.class} #{self}>"

      private

      def time(field)
        ms = @fields[field]
        ms && Time.at(ms / 1000.0)
      end
    end
  end
end
