# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # What the agent of this node logs, until it is started again.
      class LogLevel < Verb
        # @option options [String, nil] :level nil = only say which it is
        # @return [Result]
        def call(client, options = {})
          level = client.call("log_level", { level: options[:level].to_s }).fetch("level")
          say("until the agent is started again; [log] level in agent.toml is for good") if options[:level]
          Result.new(data: { "level" => level }, text: level, name: "level")
        end
      end
    end
  end
end
