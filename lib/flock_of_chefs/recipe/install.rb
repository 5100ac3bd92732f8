# frozen_string_literal: true

require_relative "notifies"
require_relative "subscribes"
require_relative "wait_words"
require_relative "waiting_provider"
require_relative "../api/celluloid/actors"
require_relative "../run/events"

module FlockOfChefs
  # The words that recipes gain.
  # @api private
  module Recipe
    # Each word is a module with one public method; it is included into +Chef::Resource+.
    WORDS = [Notifies, Subscribes, WaitWords].freeze

    class << self
      # Installs the words, Celluloid for APIs and the event subscriber; does nothing the second time.
      #
      # @return [void]
      def install
        # A module, never the class itself: Chef refuses a cookbook's own `property :remote_notifies` if the class owns
        # the method, and lets the property win if a module does.
        WORDS.each { |word| ::Chef::Resource.include(word) }
        ::Chef::Provider.prepend(WaitingProvider)
        Api::Actors.provide
        subscribe
      end

      private

      # client.rb is read before the run has a dispatcher; a cookbook's library after.
      def subscribe
        Run::Events.attach(::Chef::Config[:event_handlers])
        events = ::Chef.run_context&.events if ::Chef.respond_to?(:run_context)
        Run::Events.attach(events.subscribers) if events.respond_to?(:subscribers)
      end
    end
  end
end
