# frozen_string_literal: true

require_relative "../completion"

module FlockOfChefs
  module CLI
    module Verbs
      # A script for a shell that completes commands, options, their values and names of nodes.
      class Completion < Verb
        # @option options [String] :shell "bash", "zsh" or "fish"
        # @return [Result]
        def call(_client, options)
          script = CLI::Completion.script(options.fetch(:shell))
          Result.new(data: { "shell" => options[:shell], "script" => script }, text: script, name: "shell")
        end
      end
    end
  end
end
