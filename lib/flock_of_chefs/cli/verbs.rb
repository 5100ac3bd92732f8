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
      end

      %w[Agent Backup Call Doctor Init Join Leave NodeRemove Nodes Notifications Notify Resources Restore RunChef Status
         Steer Subscriptions TokenCreate Version Wait].each do |name|
        file = name.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase
        autoload name, File.join(__dir__, "verbs", "#{file}.rb")
      end
    end
  end
end
