# frozen_string_literal: true

require_relative "init"

module FlockOfChefs
  module CLI
    module Verbs
      # Makes this node a member of a flock.
      class Join < Init
        # Enrolment asks a hub once; a hub that is slow to answer is given this long.
        TIMEOUT_MS = 30_000

        # @option options [String] :join_string what `flockctl token create` printed
        # @option options [Boolean] :operator make a person an operator of the flock: {JoinOperator}
        # @option options [Boolean] :replace take over the name of a node that is no more
        # @return [Result]
        # @see Init#call
        def call(_client, options)
          return JoinOperator.new(talk: @talk, native: @native).call(nil, options) if options[:operator]

          more = { join: options.fetch(:join_string), replace: options[:replace] ? true : false }
          learned = enter(options, **more) { |request| native.join(request, TIMEOUT_MS) }
          say("next: flockctl agent (or systemctl enable --now flock-agent)")
          Result.new(data: learned)
        end
      end
    end
  end
end
