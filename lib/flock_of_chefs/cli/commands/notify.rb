# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl notify`
      class Notify < Command
        desc "Ask a node, or all that are chosen by what they are, to run an action of one of its resources"
        verb :Notify

        argument :node, required: false, desc: "The node; leave it out with --select, --role, …"
        argument :resource, required: false, desc: "The resource as 'type[name]'"
        argument :action, required: false, desc: "The action"
        option :wait, desc: "Wait so long for the outcome: 30, 30s, 5m"
        Selecting.offer(self)
        Rollout.offer(self)
        example ["web1 'service[nginx]' restart --wait 30",
                 "'service[nginx]' reload --select 'role:web AND tag:canary' --wait 5m --batch 10% --max-errors 0"]

        # What is said where words are missing.
        USAGE = "usage: flockctl notify NODE RESOURCE ACTION, or RESOURCE ACTION with --select, --role, …"

        private

        # With a selector the words begin with the resource.
        def refine(options)
          words = options.values_at(:node, :resource, :action).compact
          node = Selecting.any?(options) ? nil : words.shift
          resource, action, extra = words
          raise ConfigurationError, USAGE unless action && extra.nil?

          options.merge(node:, resource:, action:)
        end
      end
    end
  end
end
