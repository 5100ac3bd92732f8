# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl subscriptions` and its subcommands
      module Subscriptions
        # `flockctl subscriptions`
        class All < Command
          desc "List what this node subscribes to, and what others subscribe to here"
          verb :Subscriptions

          option :direction, values: %w[in out], desc: "Only what others subscribe to here, or only this node's own"
          option :limit, desc: "How many (default: 100)"
        end

        # `flockctl subscriptions list`
        class List < All
          desc "List what this node subscribes to, and what others subscribe to here"
        end

        # `flockctl subscriptions show`
        class Show < Command
          desc "Tell the whole story of one subscription"
          verb :Subscriptions

          argument :id, required: true, desc: "Its id, or a unique beginning of it"
        end
      end
    end
  end
end
