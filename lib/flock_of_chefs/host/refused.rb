# frozen_string_literal: true

require_relative "../errors"

module FlockOfChefs
  module Host
    # The host itself, not the method, has no answer. Its cause is the {FlockOfChefs::Error} for the caller, which a
    # method that calls other nodes may raise as well: hence the wrap.
    class Refused < StandardError
      # @yield what raises errors for the caller
      # @return [Object] what the block returns
      # @raise [Refused]
      def self.when_raised
        yield
      rescue FlockOfChefs::Error => e
        raise new(e.message)
      end
    end
  end
end
