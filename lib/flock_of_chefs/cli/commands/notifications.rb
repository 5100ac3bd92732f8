# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl notifications` and its subcommands
      module Notifications
        # `flockctl notifications`
        class All < Command
          desc "List what this node sent and received, or steer one of it"
          verb :Notifications

          option :state, desc: "Only those in this state"
          option :direction, values: %w[in out], desc: "Only received or only sent ones"
          option :limit, desc: "How many (default: 100)"
        end

        # `flockctl notifications list`
        class List < All
          desc "List what this node sent and received"
        end

        # `flockctl notifications show`
        class Show < Command
          desc "Tell the whole story of one notification"
          verb :Notifications

          argument :id, required: true, desc: "Its id, or a unique beginning of it"
        end

        # What steers one notification.
        class Steer < Command
          verb :Steer

          argument :id, required: true, desc: "Its id, or a unique beginning of it"
          option :target, desc: "Only at this target"
        end

        # `flockctl notifications retry`
        class Retry < Steer
          desc "Run a finished notification again"

          private

          def refine(options) = options.merge(verb: "retry")
        end

        # `flockctl notifications drop`
        class Drop < Steer
          desc "Give up an unfinished notification"

          private

          def refine(options) = options.merge(verb: "drop")
        end
      end
    end
  end
end
