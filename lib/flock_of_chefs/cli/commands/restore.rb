# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl restore`
      class Restore < Command
        desc "Bring this node back from a backup, with its agent stopped"
        verb :Restore, agent: false

        argument :file, required: true, desc: "What `flockctl backup` wrote"
        option :replace, type: :flag, desc: "Move data that is there aside"
        option :removed, type: :array,
                         desc: "On a hub: nodes that were removed after the backup; they stay removed"
        example ["/var/backups/flock.tar --removed bender3,bender4"]
      end
    end
  end
end
