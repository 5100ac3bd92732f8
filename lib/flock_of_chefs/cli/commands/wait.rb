# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl wait`
      class Wait < Command
        desc "Wait until something is so on nodes"
        verb :Wait

        argument :nodes, type: :array, required: false, desc: "The nodes, unless they are chosen by what they are"
        option :for, desc: "STATE, such as succeeded; API.METHOD or API.METHOD=JSON; node.PATH or node.PATH=JSON"
        option :while, desc: "As --for, but wait as long as it is so"
        option :timeout, desc: "How long: 90, 5m, 1h (default: 10m)"
        option :at_least, desc: "On how many of the nodes: 2, 50% (default: all)"
        Selecting.offer(self)
        option :dry_run, type: :flag, desc: "Only tell which nodes would be waited for"
        example ["web1 web2 --for succeeded --timeout 5m", "db --for node.postgres.version=15",
                 "lb --while human_api.busy?", "--role web --for succeeded --at-least 80%"]
      end
    end
  end
end
