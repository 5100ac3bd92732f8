# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl operators`
      class Operators < Command
        desc "List the operators, and until when their certificates hold"
        verb :Operators

        example ["--format names"]
      end
    end
  end
end
