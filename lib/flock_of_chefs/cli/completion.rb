# frozen_string_literal: true

require_relative "completion/words"
require_relative "completion/bash"
require_relative "completion/fish"
require_relative "completion/zsh"

module FlockOfChefs
  module CLI
    # Scripts for shells, made of what the commands declare, so that no second list grows old.
    module Completion
      # Name of a shell => what writes its script.
      SHELLS = { "bash" => Bash, "zsh" => Zsh, "fish" => Fish }.freeze

      # @param shell [String] one of {SHELLS}
      # @return [String]
      # @raise [ConfigurationError]
      def self.script(shell)
        writer = SHELLS.fetch(shell) do
          raise ConfigurationError, "#{shell} is no shell that is known here; known are #{SHELLS.keys.join(", ")}"
        end
        writer.new(Words.all).script
      end
    end
  end
end
