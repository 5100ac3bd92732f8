# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl call`
      class Call < Command
        desc "Call a method of an API of a node, or of all that are chosen by what they are"
        verb :Call

        argument :node, required: false, desc: "The node; leave it out with --role, --tag, …"
        argument :api, required: false, desc: "The API, flock_api is every node's own"
        argument :method, required: false, desc: "The method"
        argument :arguments, type: :array, required: false, desc: "Its arguments, each as JSON or plain text"
        option :timeout, desc: "How long the answer may take: 10, 30s, 5m (default: 10s)"
        option :async, type: :boolean, default: false, desc: "Wait until it is taken in, not for the answer"
        Selecting.offer(self)
        Rollout.offer(self)
        example ["web1 flock_api state", "web1 flock_api node nginx.port", 'bender human_api kill \'"fry"\' 3',
                 "cache_api flush --select role:cache --batch 25% --max-errors 1"]

        # What is said where words are missing.
        USAGE = "write NODE API METHOD [JSON…], or API METHOD [JSON…] with --role, --tag, …"

        private

        # With a selector the words begin with the API.
        def refine(options)
          words = [*options.values_at(:node, :api, :method).compact, *options[:arguments]]
          node = Selecting.any?(options) ? nil : words.shift
          api, method, *arguments = words
          raise ConfigurationError, USAGE unless method

          options.merge(node:, api:, method:, arguments:)
        end
      end
    end
  end
end
