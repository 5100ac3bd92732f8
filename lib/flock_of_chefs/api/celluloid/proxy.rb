# frozen_string_literal: true

module Celluloid
  # What others hold of an actor: its methods, each a call that is waited for.
  #
  #     actor.greet("Fry")            # the answer
  #     actor.async.greet("Fry")      # nil at once
  #     actor.future.greet("Fry")     # a {Future}
  class Proxy < BasicObject
    # Methods of everything that are the object's here as well.
    FORWARDED = %i[class inspect to_s is_a? kind_of? respond_to? methods].freeze

    # @param actor [Actor]
    def initialize(actor)
      @actor = actor
    end

    # @param name [Symbol, nil] of the method, unless it is called on the result
    def async(name = nil, ...)
      sender = Sender.new(@actor, nil)
      name ? sender.__send__(name, ...) : sender
    end

    # @param name [Symbol, nil] of the method, unless it is called on the result
    def future(name = nil, ...)
      sender = Sender.new(@actor, Future)
      name ? sender.__send__(name, ...) : sender
    end

    # @return [Boolean]
    def alive? = @actor.alive?

    # Ends the actor after what is at hand.
    #
    # @return [void]
    def terminate = @actor.terminate

    # @return [Object] what the actor is about, outside of its thread
    def wrapped_object = @actor.subject

    # @return [Actor]
    def __actor__ = @actor

    FORWARDED.each do |name|
      define_method(name) { |*arguments| @actor.subject.__send__(name, *arguments) }
    end

    # @return [Boolean]
    def nil? = false

    # @return [Integer]
    def hash = @actor.hash

    # @return [Boolean]
    def ==(other)
      ::Kernel.instance_method(:respond_to?).bind_call(other, :__actor__) && other.__actor__.equal?(@actor)
    end
    alias eql? ==

    private

    def method_missing(name, ...)
      Sender.new(@actor, Future).__send__(name, ...).value
    end

    def respond_to_missing?(name, include_all = false) = @actor.subject.respond_to?(name, include_all)

    # Sends what is called on it.
    class Sender < ::BasicObject
      # @param actor [Actor]
      # @param future [Class, nil] of what is answered; nil = nothing
      def initialize(actor, future)
        @actor = actor
        @future = future
      end

      private

      def method_missing(name, *arguments, **keywords, &block)
        future = @future&.new
        @actor.tell(Actor::Message.new(name, arguments, keywords, block, future))
        future
      end

      def respond_to_missing?(*) = true
    end
  end
end
