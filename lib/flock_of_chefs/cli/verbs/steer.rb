# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # Runs a notification again, or gives it up.
      class Steer < Verb
        # @option options [String] :verb "retry" or "drop"
        # @option options [String] :id
        # @option options [String] :target one target of it; all unless given
        # @return [Result]
        def call(client, options)
          request = { id: options.fetch(:id), target: options[:target].to_s, verb: options.fetch(:verb) }
          records = client.call("steer", request).fetch("records")
          say("no notification #{options[:id]} to #{options[:verb]}") if records.empty?
          Result.new(data: records, columns: Notifications::COLUMNS, name: "id",
                     code: records.empty? ? ExitCodes::NOTHING : ExitCodes::DONE)
        end
      end
    end
  end
end
