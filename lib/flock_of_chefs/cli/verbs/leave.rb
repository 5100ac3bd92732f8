# frozen_string_literal: true

require "json"

module FlockOfChefs
  module CLI
    module Verbs
      # Takes this node out of its flock, with or without an agent and a hub.
      class Leave < Verb
        # @param input [IO] where a person answers
        def initialize(input: $stdin, **rest)
          super(**rest)
          @input = input
        end

        # @param client [LocalClient]
        # @option options [Boolean] :force although notifications of this node have not ended
        # @option options [Boolean] :yes do not ask
        # @option options [String] :config agent.toml
        # @return [Result]
        def call(client, options = {})
          name = client.config["name"]
          confirm(name) unless options[:yes]
          report = leave(client, options[:force] ? true : false, options[:config])
          say(what_remains(report))
          Result.new(data: report, text: "#{report["name"]} left the flock #{report["flock_id"]}")
        end

        private

        def confirm(name)
          raise ConfigurationError, "#{name} would leave its flock for good; add --yes" unless @input.tty?

          say("#{name} leaves its flock for good and comes back with a new token only. Go on? [y/N]")
          raise ConfigurationError, "nothing was done" unless @input.gets.to_s.strip.match?(/\Ay(es)?\z/i)
        end

        def leave(client, force, config)
          client.call("leave", { force: }, timeout_ms: LocalClient::TIMEOUT_MS * 2)
        rescue ConnectionError => e
          raise unless e.code == "no_agent"

          JSON.parse(native.leave(JSON.generate({ config:, force: }.compact)))
        end

        def what_remains(report)
          done = "identity and store were moved to a folder left-… of data_dir; " \
                 "`flockctl join STRING --replace` brings this node back"
          return done if report["told"]

          "#{done}. No hub was told (#{report["problem"]}): run on one `flockctl node remove #{report["name"]}`"
        end
      end
    end
  end
end
