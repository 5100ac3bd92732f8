# frozen_string_literal: true

require_relative "../../remote"
require_relative "trace/story"

module FlockOfChefs
  module CLI
    module Verbs
      # The whole way of one change, from the recipe's line to its effects and back, asked of every node on it.
      class Trace < Verb
        # Nodes that are asked; a chain has at most eight hops, but each may fan out.
        NODES = 64
        # Of one question.
        TIMEOUT_MS = 10_000

        # @option options [String] :id of a notification, a unique beginning is enough where this node knows it; or of
        #   the first one of a chain
        # @option options [String] :node where to begin, if this node knows nothing of it
        # @return [Result]
        def call(client, options)
          own = client.call("hello", { protocol_min: 1, protocol_max: 1 }).fetch("name")
          record = find(client, options.fetch(:id))
          id = record ? record["id"] : options[:id]
          root = record && !record["cause_root"].to_s.empty? ? record["cause_root"] : id
          answers, rest = gather(client, [own, *options[:node]], root)
          story = Story.new(answers.reject { |_, records| records.is_a?(Error) })
          result(root, story, answers.select { |_, records| records.is_a?(Error) }, rest)
        end

        private

        def find(client, id)
          records = client.call("list", { id:, limit: 50 }).fetch("records")
          ids = records.map { |record| record["id"] }.uniq
          raise ConfigurationError, "#{id} fits #{ids.size} notifications: give more of the id" if ids.size > 1

          records.first
        end

        # Asks those nodes, then whoever the answers name, up to {NODES}.
        #
        # @return [Array(Hash, Array<String>)] what each answered, and those that were too many
        def gather(client, waiting, root)
          calls = Remote::Calls.new(client)
          answers = {}
          while (fresh = (waiting - answers.keys).first(NODES - answers.size)).any?
            answers.merge!(Many.map(fresh) { |node| ask(calls, node, root) })
            waiting = answers.values.grep(Array).flatten.map { |record| record["peer"] }.reject(&:empty?).uniq
          end
          [answers, waiting - answers.keys]
        end

        def ask(calls, node, root)
          calls.call(Remote::Call.new(node:, api: Remote::FLOCK_API, name: "trace", arguments: [root],
                                      timeout_ms: TIMEOUT_MS))
        end

        def result(root, story, silent, rest)
          silent.each { |node, error| say("#{node} could not be asked: #{error.message}") }
          say(too_many(rest)) if rest.any?
          say("no notification #{root} here; name its sender or a target by --node NAME") if story.events.empty?
          data = { "root" => root, "events" => story.events, "not_asked" => not_asked(silent, rest) }
          Result.new(data:, name: "root", text: story.to_s, code: code(story, data["not_asked"]))
        end

        def too_many(rest)
          "the way goes on: #{rest.size} more #{rest.one? ? "node was" : "nodes were"} not asked, since #{NODES} are " \
            "the most; -F json names them"
        end

        def not_asked(silent, rest)
          { **silent.transform_values(&:message), **rest.to_h { |node| [node, "more than #{NODES} nodes"] } }
        end

        def code(story, not_asked)
          return ExitCodes::NOTHING if story.events.empty?

          not_asked.empty? ? ExitCodes::DONE : ExitCodes::UNKNOWN
        end
      end
    end
  end
end
