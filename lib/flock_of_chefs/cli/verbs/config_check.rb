# frozen_string_literal: true

require "json"

module FlockOfChefs
  module CLI
    module Verbs
      # Whether an agent could be started with agent.toml; starts nothing.
      class ConfigCheck < Verb
        # Where a complaint stands: the file, perhaps with the line.
        PLACE = /\A(?<file>\S+?):(?<line>\d+): (?<message>.*)\z/m

        # @option options [String] :file
        # @option options [String] :config the same
        # @return [Result]
        def call(_client, options = {})
          config = JSON.parse(native.config_check(options[:file] || options[:config]))
          data = { "path" => config["path"], "ok" => true, "line" => nil, "message" => "", "name" => config["name"] }
          Result.new(data:, name: "path", text: "#{config["path"]}: in order, for the node #{config["name"]}")
        rescue ConfigurationError => e
          say(e.message)
          Result.new(data: complaint(e, options), name: "path", text: "", code: ExitCodes::USAGE)
        end

        private

        def complaint(error, options)
          found = PLACE.match(error.message)
          { "path" => found ? found[:file] : options[:file] || options[:config], "ok" => false,
            "line" => found && found[:line].to_i, "message" => found ? found[:message] : error.message, "name" => nil }
        end
      end
    end
  end
end
