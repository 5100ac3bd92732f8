# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # What flockctl and knife can do, one class per verb: `call(client, options) -> Result`. None prints or exits.
    module Verbs
      # What every verb has.
      class Verb
        # @param talk [#call] takes a line for people, at once
        # @param native [Module] {Native}, or its double
        def initialize(talk: ->(_line) {}, native: nil)
          @talk = talk
          @native = native
        end

        private

        def native = @native || Native

        def say(line) = @talk.call(line)

        # How far it has come with so many nodes.
        def progress(total)
          @talk.respond_to?(:progress) ? @talk.progress(total) : Progress.new(total, method(:say))
        end

        # What a dry run answers: the nodes that would be asked. It refuses what the command itself would.
        def planned(client, names, options)
          answer = Selecting.find(client, chosen(names, options), options)
          stale(answer)
          found = answer.fetch("nodes")
          rollout(found, options)
          say("dry run: nothing was done; #{found.size} #{found.one? ? "node" : "nodes"} would be asked")
          Result.new(data: found.map { |node| { "node" => node["name"], **node.slice("presence", "address") } },
                     name: "node")
        end

        def rollout(nodes, options, &) = Rollout.new(nodes, options, method(:progress), &)

        # The answer of a verb that asked several nodes, each with an outcome.
        def summed_up(rollout, **result)
          say("interrupted; what is asked already goes on") if rollout.interrupt
          outcomes = rollout.outcomes
          Result.new(data: outcomes.map(&:row), code: rollout.code, look: outcomes.filter_map(&:look).uniq,
                     failed: again(outcomes), **result)
        end

        # Where it is all of them, the command itself says it already.
        def again(outcomes)
          again = outcomes.select(&:again?).map(&:node)
          again.size < outcomes.size ? again : []
        end

        # The names that are given, or those of the nodes that the options choose.
        def nodes(client, names, options)
          names = chosen(names, options)
          return names unless Selecting.any?(options)

          found = Selecting.find(client, names, options)
          stale(found)
          found.fetch("nodes").map { |node| node["name"] }
        end

        def chosen(names, options)
          names = Array(names).uniq
          return names if names.any? || Selecting.any?(options)

          raise ConfigurationError, "name nodes, or choose them by --role, --tag, … (see --help)"
        end

        def stale(answer)
          say("the hub is away: nodes are chosen as they were known last") if answer["stale"]
        end
      end

      %w[Agent Backup Call Completion ConfigCheck Doctor Init Join JoinOperator Leave LogLevel Metrics
         NodeRemove Nodes Notifications Notify OperatorRemove Operators Resources Restore RunChef Status
         Steer Subscriptions TokenCreate Trace Version Wait Why].each do |name|
        file = name.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase
        autoload name, File.join(__dir__, "verbs", "#{file}.rb")
      end
    end
  end
end
