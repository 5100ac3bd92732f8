# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Runs the agent in the foreground until it is told to stop.
      class Agent < Verb
        # @option options [String] :config
        # @option options [String] :grace how long running actions are waited for when it stops
        # @return [Result]
        def call(_client, options = {})
          require_relative "../../agent/main"
          grace_ms = Value.duration_ms(options[:grace], "--grace")
          limits = grace_ms ? { grace_s: grace_ms / 1000.0 } : {}
          code = FlockOfChefs::Agent::Main.new(native.const_get(:Agent).new(options[:config]), **limits).run
          Result.new(data: {}, text: "", code:)
        end
      end
    end
  end
end
