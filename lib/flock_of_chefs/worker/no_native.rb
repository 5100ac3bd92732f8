# frozen_string_literal: true

require_relative "effects"

module FlockOfChefs
  module Worker
    # Stands where {FlockOfChefs::Native} would be loaded: a worker is pure Ruby, because it forks, and what it does is
    # the agent's to send on.
    module NoNative
      # Why.
      REASON = "a worker does not talk to the agent, and compiles recipes again. Call it from a resource that a Chef " \
               "run converges"

      class << self
        # Takes the library's place, for +require+ too.
        #
        # @return [void]
        def install
          $LOADED_FEATURES << File.expand_path("../native.rb", __dir__)
          FlockOfChefs.send(:remove_const, :Native) if FlockOfChefs.autoload?(:Native)
          FlockOfChefs.const_set(:Native, self) unless FlockOfChefs.const_defined?(:Native, false)
        end

        private

        def const_missing(name) = Effects.refuse("FlockOfChefs::Native::#{name}", REASON)

        # Ruby itself asks everything whether it is an array or a string.
        def method_missing(name, ...)
          name.start_with?("to_") ? super : Effects.refuse("FlockOfChefs::Native.#{name}", REASON)
        end

        def respond_to_missing?(name, _include_all = false) = !name.start_with?("to_")
      end
    end
  end
end
