# frozen_string_literal: true

require "set"
require_relative "../../monotonic"
require_relative "mailbox"
require_relative "timer"

module Celluloid
  # One object on a thread of its own. Each call is a fiber, so that others go on while one sleeps or waits for another
  # actor; no two run at the same time.
  class Actor
    # Where the thread keeps its actor; not where a fiber would.
    KEY = :celluloid_actor
    # A call: the future is nil for an async one.
    Message = Struct.new(:name, :arguments, :keywords, :block, :future)
    # A fiber goes on.
    Resume = Struct.new(:fiber)
    # Nothing more is taken.
    End = Class.new

    class << self
      # @return [Actor, nil] whose thread this is
      def inside = Thread.current.thread_variable_get(KEY)

      # @return [Proxy, nil]
      def current = inside&.proxy

      # @param name [Symbol]
      # @return [Proxy, nil]
      def [](name) = Supervisor.find(name.to_sym)

      # @return [Array<Symbol>]
      def registered = Supervisor.names
    end

    # @return [Proxy]
    attr_reader :proxy
    # @return [Object] what it is about
    attr_reader :subject

    # Returns when the object is made.
    #
    # @yieldreturn [Object] on the actor's thread
    # @raise [Exception] what making it raises
    def initialize(&make)
      @mailbox = Mailbox.new
      @timers = []
      @at_end = []
      @open = Set.new.compare_by_identity
      @lock = Mutex.new
      @proxy = Proxy.new(self)
      made = Future.new
      @thread = Thread.new { live(made, &make) }
      @thread.report_on_exception = false
      made.value
    end

    # @return [Boolean]
    def alive? = @thread.alive? && !@ended

    # @param message [Message]
    # @return [void]
    # @raise [DeadActorError, MailboxFull]
    def tell(message) = @mailbox.push(message)

    # Ends after what is at hand.
    #
    # @return [void]
    def terminate
      @mailbox.push(End.new, own: true)
    rescue DeadActorError
      nil
    end

    # @yieldparam error [Exception, nil] what ended it, on its thread
    # @return [void]
    def at_end(&listener)
      over = @lock.synchronize { @ended ? true : (@at_end << listener) && false }
      yield(@error) if over
    end

    # @param seconds [Float]
    # @return [void]
    def join(seconds) = @thread.join(seconds)

    # ---- within the actor ---------------------------------------------------------------------------------------

    # @return [Timer]
    def after(seconds, &block) = Timer.new(seconds, &block).tap { |timer| @timers << timer }

    # @return [Timer]
    def every(seconds, &block) = Timer.new(seconds, again: true, &block).tap { |timer| @timers << timer }

    # @param seconds [Numeric, nil] nil = for ever
    # @return [void]
    def sleep(seconds)
      fiber = Fiber.current
      after(seconds) { @mailbox.push(Resume.new(fiber), own: true) } if seconds
      Fiber.yield
    end

    # @param future [Future]
    # @return [void]
    def wait_for(future)
      fiber = Fiber.current
      future.when_ready { @mailbox.push(Resume.new(fiber), own: true) }
      Fiber.yield
    rescue DeadActorError
      nil
    end

    private

    def live(made, &make)
      Thread.current.thread_variable_set(KEY, self)
      task { create(made, &make) }
      step until @error || @done
    ensure
      finish
    end

    def create(made)
      @subject = yield
      made.settle(true)
    rescue StandardError, ScriptError => e
      @error = e
      made.settle(nil, e)
    end

    def step
      take(@mailbox.pop(pause))
      @timers.select(&:due?).each { |timer| task(&timer.fire) unless @error }
    end

    def pause
      @timers.reject!(&:over?)
      soonest = @timers.filter_map(&:due).min
      soonest && [soonest - FlockOfChefs::Monotonic.now, 0].max
    end

    def take(message)
      case message
      when Message then task { answer(message) }
      when Resume then message.fiber.resume if message.fiber.alive?
      when End then @done = true
      end
    end

    # An exception that nothing rescues ends the actor.
    def task
      Fiber.new do
        yield
      rescue StandardError, ScriptError => e
        @error = e
      end.resume
    end

    def answer(message)
      return unknown(message) unless @subject.respond_to?(message.name)

      @open << message
      settle(message, @subject.public_send(message.name, *message.arguments, **message.keywords, &message.block))
    rescue AbortError => e
      settle(message, nil, e.cause)
    rescue StandardError, ScriptError => e
      settle(message, nil, e)
      raise
    end

    def unknown(message)
      settle(message, nil, NoMethodError.new("#{@subject.class} has no public method #{message.name}", message.name))
    end

    def settle(message, value, error = nil)
      @open.delete(message)
      message.future&.settle(value, error)
    end

    def finish
      finalizer = @subject.class.finalizer if @subject
      task { @subject.send(finalizer) } if finalizer
      listeners = @lock.synchronize do
        @ended = true
        @at_end.slice!(0..)
      end
      left = @mailbox.close.grep(Message) + @open.to_a
      left.each { |message| message.future&.settle(nil, DeadActorError.new("the actor has ended")) }
      listeners.each { |listener| listener.call(@error) }
    end
  end
end
