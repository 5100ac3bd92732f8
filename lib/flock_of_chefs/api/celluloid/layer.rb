# frozen_string_literal: true

require "logger"
require_relative "actor"
require_relative "future"
require_relative "proxy"
require_relative "supervisor"

# What APIs use of Celluloid, where the gem is not installed: actors on threads of their own with bounded mailboxes,
# sync, async and future calls, timers, supervision by name. For pools, links, conditions and notifications install the
# gem (+chef_gem "celluloid"+): then it is used in place of this.
module Celluloid
  # The root of what this raises.
  class Error < StandardError; end
  # The actor has ended.
  class DeadActorError < Error; end
  # Too many messages wait for the actor.
  class MailboxFull < Error; end

  # What {InstanceMethods#abort} raises: the caller gets the cause, and the actor goes on.
  class AbortError < Error
    # @return [Exception]
    attr_reader :cause

    # @param cause [Exception]
    def initialize(cause)
      super(cause.message)
      @cause = cause
    end
  end

  # Of a class that includes Celluloid.
  module ClassMethods
    # @return [Proxy] of a new actor
    def new(...)
      Actor.new { allocate.tap { |object| object.send(:initialize, ...) } }.proxy
    end

    # @param config [Hash] as: the name, args: of +initialize+
    # @return [Supervisor]
    def supervise(config = {}, &block)
      Supervisor.new(config[:as]&.to_sym) { new(*Array(config[:args]), &block) }
    end

    # @param method [Symbol] is called when the actor ends
    # @return [Symbol, nil]
    def finalizer(method = nil) = method ? @finalizer = method : @finalizer

    # Calls never overlap here but while one sleeps or waits.
    def exclusive(*) = nil

    # Blocks always run in the actor that made them here.
    def execute_block_on_receiver(*) = nil
  end

  # Of its objects, within the actor.
  module InstanceMethods
    # @return [Proxy] of this actor, to give to others in place of +self+
    def current_actor = Actor.current

    # @param method [Symbol, nil]
    def async(method = nil, ...) = method ? current_actor.async(method, ...) : current_actor.async

    # @param method [Symbol, nil]
    def future(method = nil, ...) = method ? current_actor.future(method, ...) : current_actor.future

    # @param seconds [Numeric]
    # @return [Timer] runs the block once, within the actor
    def after(seconds, &) = Actor.inside.after(seconds, &)

    # @param seconds [Numeric]
    # @return [Timer] runs the block again and again
    def every(seconds, &) = Actor.inside.every(seconds, &)

    # Other calls of the actor go on meanwhile.
    #
    # @param seconds [Numeric]
    def sleep(seconds = nil) = Actor.inside ? Actor.inside.sleep(seconds) : Kernel.sleep(*seconds)

    # Raises at the caller; the actor goes on.
    #
    # @param cause [Exception, String]
    def abort(cause) = raise(AbortError, cause.is_a?(Exception) ? cause : RuntimeError.new(cause.to_s))

    # Ends the actor after this call.
    def terminate = Actor.inside.terminate
  end

  @logger = Logger.new($stderr, level: Logger::INFO)

  class << self
    # @return [Logger]
    attr_accessor :logger

    # @return [Proxy, nil]
    def current_actor = Actor.current

    # @return [Boolean] whether this is an actor's thread
    def actor? = !Actor.inside.nil?

    # Ends all actors.
    #
    # @return [void]
    def shutdown = Supervisor.shutdown

    # There is nothing to start.
    def boot = nil

    # @raise [NameError] with the remedy
    def const_missing(name)
      raise NameError, "Celluloid::#{name} needs the gem: chef_gem \"celluloid\""
    end

    private

    def included(base)
      super
      base.extend(ClassMethods)
      base.include(InstanceMethods)
    end
  end
end
