# frozen_string_literal: true

require_relative "errors"
require_relative "api/call"
require_relative "api/form"
require_relative "api/registry"

module FlockOfChefs
  # Makes a class an API that other nodes may call. It lives in a process of its own beyond Chef runs; a run only notes
  # that it is there. Write it in a cookbook's +libraries/+, or as a file in the agent's +data_dir/apis+.
  #
  # @example
  #   class HumanApi
  #     include FlockOfChefs::Api
  #
  #     api_name :human_api
  #     expose :count, help: "How many are left", schema: { planet: "string" }
  #     concurrency 4
  #     queue 64
  #
  #     def count(planet)
  #       "#{FlockOfChefs::Api.caller} asks, with #{FlockOfChefs::Api.deadline} s left, for #{planet}"
  #     end
  #   end
  module Api
    class << self
      # @return [String, nil] the node that called the method at work, as its certificate says; nil outside a call
      def caller = Call.current&.from

      # @return [Float, nil] seconds until nobody waits for the method at work any more; nil outside a call
      def deadline = Call.current&.left_s

      private

      def included(base)
        super
        base.extend(Form)
        Registry.note_form(base, ::Kernel.caller_locations(1).map(&:path))
      end
    end
  end
end
