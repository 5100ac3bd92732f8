# frozen_string_literal: true

require "set"
require "chef/log"

module FlockOfChefs
  module Run
    # For event handlers. Chef does not rescue them: a raise in one fails the resource, or vanishes with its effect.
    module Guarded
      private

      # Runs the block; an error is logged, once for each purpose.
      #
      # @param purpose [String] what could not be done
      # @return [Object, nil] the block's value, nil after an error
      def guarded(purpose)
        yield
      rescue StandardError, ScriptError => e
        complain(purpose, e)
        nil
      end

      def complain(purpose, error)
        return unless (@complaints ||= Set.new).add?(purpose)

        ::Chef::Log.warn("flock_of_chefs: cannot #{purpose}: #{error.message} (#{error.class}); the run goes on")
      end
    end
  end
end
