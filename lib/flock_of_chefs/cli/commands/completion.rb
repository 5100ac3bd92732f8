# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl completion`
      class Completion < Command
        desc "Print a script that completes flockctl's words in a shell"
        verb :Completion, agent: false

        argument :shell, required: true, values: CLI::Completion::SHELLS.keys, desc: "The shell"
        example ["bash > /etc/bash_completion.d/flockctl", "zsh > ~/.zfunc/_flockctl",
                 "fish > ~/.config/fish/completions/flockctl.fish"]
      end
    end
  end
end
