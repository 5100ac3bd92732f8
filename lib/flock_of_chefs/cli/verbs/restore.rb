# frozen_string_literal: true

require "json"

module FlockOfChefs
  module CLI
    module Verbs
      # Brings this node back from a backup.
      class Restore < Verb
        # @option options [String] :file what `flockctl backup` wrote
        # @option options [Boolean] :replace move data that is there aside
        # @option options [Array<String>] :removed nodes that were removed after the backup
        # @option options [String] :config agent.toml
        # @return [Result]
        def call(_client, options)
          request = { config: options[:config], file: File.expand_path(options.fetch(:file)),
                      replace: options[:replace] ? true : false, removed: options[:removed] || [] }.compact
          report = JSON.parse(native.restore(JSON.generate(request)))
          notes(report).each { |note| say(note) }
          Result.new(data: report, text: "#{report["name"]} is as it was at #{time(report["created_ms"])}")
        end

        private

        def notes(report)
          ["#{report["unknown"]} notifications may have run since: unknown; " \
           "#{report["asked_again"]} of its own are asked after again", *moved(report), *hub(report),
           "next: flockctl agent (or systemctl start flock-agent), then chef-client"]
        end

        def moved(report)
          notes = []
          notes << "what was there before is in #{report["put_aside"]}" unless report["put_aside"].empty?
          notes << "this machine is #{report["name"]} from now on: never start the old one again" if report["rebound"]
          notes
        end

        def hub(report)
          return [] unless report["hub"]

          denied = report["denied"].empty? ? "none" : report["denied"].join(", ")
          ["nodes that were removed after the backup and stay removed: #{denied}; remove others again with " \
           "`flockctl node remove NAME`", "join tokens of the backup are void: make new ones"]
        end

        def time(unix_ms) = Value.text("created_ms", unix_ms)
      end
    end
  end
end
