# frozen_string_literal: true

require_relative "limits"
require_relative "wait"
require_relative "../run/call_site"

module FlockOfChefs
  module Recipe
    # How long a run waits for the outcome of what it notifies of: +wait:+.
    #
    # @!attribute [r] timeout_s
    #   @return [Numeric, nil] nil = {FlockOfChefs.wait_timeout}
    # @!attribute [r] place
    #   @return [String] +"cb/recipes/default.rb:12"+
    Patience = Struct.new(:timeout_s, :place) do
      # @param value [Numeric, Boolean, nil] what is written behind +wait:+
      # @param location [Thread::Backtrace::Location]
      # @return [Patience, nil] nil = it does not wait
      # @raise [ArgumentError] what is wrong and what to write instead
      def self.parse(value, location)
        return unless value

        unless value == true || seconds?(value)
          raise ArgumentError, "wait: needs seconds from 1 to #{Limits::TTL_MAX_S}, or true (as long as wait_until " \
                               "waits: FlockOfChefs.wait_timeout), not #{value.inspect}"
        end

        new(value == true ? nil : value, "#{Run::CallSite.name(location.path)}:#{location.lineno}").freeze
      end

      def self.seconds?(value)
        value.is_a?(Numeric) && value.real? && value.finite? && value.between?(1, Limits::TTL_MAX_S)
      end
      private_class_method :seconds?

      # @return [Numeric] seconds
      def limit_s = timeout_s || FlockOfChefs.wait_timeout
    end
  end
end
