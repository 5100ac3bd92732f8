# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl version`
      class Version < Command
        desc "Print the version"
        verb :Version, agent: false
      end
    end
  end
end
