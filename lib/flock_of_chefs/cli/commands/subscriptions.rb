# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl subscriptions` and its subcommands
      module Subscriptions
        # `flockctl subscriptions`
        class All < Command
          desc "List what this node subscribes to, and who subscribes to it"
          verb :Subscriptions

          option :direction, values: %w[in out], desc: "Only others' (in) or only this node's (out)"
          option :limit, desc: "How many (default: 100)"
        end

        # `flockctl subscriptions list`
        class List < All
          desc "List what this node subscribes to, and who subscribes to it"
        end

        # `flockctl subscriptions show`
        class Show < Command
          desc "Tell all about one subscription"
          verb :Subscriptions

          argument :id, required: true, desc: "Its id, or a unique beginning of it"
        end
      end
    end
  end
end
