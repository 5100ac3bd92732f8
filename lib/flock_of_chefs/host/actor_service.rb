# frozen_string_literal: true

require_relative "../errors"
require_relative "keywords"
require_relative "refused"

module FlockOfChefs
  module Host
    # A class that includes Celluloid and is supervised under a name: whatever actor has the name is called.
    class ActorService
      # The gem's actors may work on several calls, one at a time; a pool on several at once.
      CONCURRENCY = 16
      # Calls that may wait besides.
      QUEUE = 64

      # @return [String]
      attr_reader :name
      # @return [Integer] calls at the same time
      attr_reader :concurrency

      # @param entry [Api::Registry::Entry]
      # @raise [Exception] what its +initialize+ raises
      def initialize(entry)
        @class = entry.implementation
        @name = entry.name
        @concurrency = CONCURRENCY
        Api::Actors.start(entry)
      end

      # @return [Hash]
      def info
        methods = exposed.map { |name| { name: name.to_s } }
        { name:, class_name: @class.name.to_s, methods:, concurrency:, queue: QUEUE }
      end

      # @param call [Api::Call]
      # @param method [String]
      # @param arguments [Array]
      # @param crash [Boolean] whether an exception ends the actor; it is started again
      # @yield what the method yields, on the actor's thread
      # @return [Object]
      # @raise [Exception] the method's own
      # @raise [Refused] when there is no actor now
      def call(call, method, arguments, crash, &block)
        actor = Api::Actors.find(name) or down("being started again after it crashed")
        values, keywords = Keywords.split(@class.instance_method(method), arguments)
        actor.__flock_call__(call, method.to_sym, values, keywords, crash, block)
      rescue ::Celluloid::DeadActorError
        lost
      end

      private

      # What the class itself defines, and nothing that it inherits.
      def exposed = @class.public_instance_methods(false) - [@class.finalizer]

      # It may have been at work on this, or have called an actor that is gone.
      def lost
        error = OutcomeUnknownError.new("the actor #{name} crashed while it had this call", code: "api_down")
        Refused.when_raised { raise error }
      end

      def down(how)
        error = ConnectionError.new("the actor #{name} is #{how}; call it again", code: "api_down")
        Refused.when_raised { raise error }
      end
    end
  end
end
