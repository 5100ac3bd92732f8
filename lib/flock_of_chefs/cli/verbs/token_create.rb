# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Makes a join string for new nodes, or for an operator.
      class TokenCreate < Verb
        # @option options [String] :ttl how long it is good for, "24h"
        # @option options [String] :uses how many nodes may use it
        # @option options [String] :node which names may use it, a glob
        # @option options [String] :operator the one operator that may use it
        # @return [Result]
        def call(client, options = {})
          token = client.call("token_create", request(options))
          say("good until #{Value.text("expires_ms", token["expires_ms"])}; #{next_step(options)}")
          Result.new(data: token, text: token["join_string"], name: "join_string")
        end

        private

        def request(options)
          { ttl_ms: Value.duration_ms(options[:ttl], "--ttl") || 0, uses: Value.count(options[:uses], "--uses") || 0,
            node_glob: options[:node].to_s, operator: options[:operator].to_s.delete_prefix("operator/") }
        end

        def next_step(options)
          return "on the new node run: flockctl join STRING" unless options[:operator]

          "on the workstation of #{options[:operator]} run: flockctl join --operator STRING"
        end
      end
    end
  end
end
