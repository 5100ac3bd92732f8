# frozen_string_literal: true

require "json"

module FlockOfChefs
  module CLI
    module Verbs
      # Writes a backup of this node: through its agent, or directly while none runs.
      class Backup < Verb
        # What a large store may take.
        TIMEOUT_MS = 600_000

        # @param client [LocalClient]
        # @option options [String] :file
        # @option options [String] :config agent.toml
        # @return [Result]
        def call(client, options)
          file = File.expand_path(options.fetch(:file))
          report = back_up(client, file, options[:config])
          say("it holds private keys: keep it where only root can read it")
          Result.new(data: report, text: "#{report["path"]}: #{report["bytes"]} bytes, #{report["files"]} files of " \
                                         "#{report["name"]}")
        end

        private

        def back_up(client, file, config)
          client.call("backup", { path: file }, timeout_ms: TIMEOUT_MS)
        rescue ConnectionError => e
          raise unless e.code == "no_agent"

          JSON.parse(native.back_up(JSON.generate({ config:, file: }.compact)))
        end
      end
    end
  end
end
