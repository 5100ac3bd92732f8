# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl backup`
      class Backup < Command
        desc "Write identity, store and registry of this node into one file"
        verb :Backup, agent: :here

        argument :file, required: true, desc: "The file; it holds private keys"
        example ["/var/backups/flock.tar"]
      end
    end
  end
end
