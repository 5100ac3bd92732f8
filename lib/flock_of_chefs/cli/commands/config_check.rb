# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl config check`
      class ConfigCheck < Command
        desc "Check agent.toml, without starting anything"
        verb :ConfigCheck, agent: false

        argument :file, required: false, desc: "The file (default: --config)"
        example ["", "/etc/flock/agent.toml.new"]
      end
    end
  end
end
