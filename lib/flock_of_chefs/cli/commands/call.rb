# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl call`
      class Call < Command
        desc "Call a method of an API of a node"
        verb :Call

        argument :node, required: true, desc: "The node"
        argument :api, required: true, desc: "The API, flock_api is every node's own"
        argument :method, required: true, desc: "The method"
        argument :arguments, type: :array, required: false, desc: "Its arguments, each as JSON or plain text"
        option :timeout, desc: "How long the answer may take: 10, 30s, 5m (default: 10s)"
        option :async, type: :boolean, default: false, desc: "Wait until it is taken in, not for the answer"
        example ["web1 flock_api state", "web1 flock_api node nginx.port", 'bender human_api kill \'"fry"\' 3']
      end
    end
  end
end
