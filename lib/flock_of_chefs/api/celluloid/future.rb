# frozen_string_literal: true

require_relative "../../monotonic"

module Celluloid
  # What a call will have answered. {value} may be asked for by any thread, any number of times.
  class Future
    include FlockOfChefs::Monotonic

    # @yieldreturn [Object] the value; on a thread of its own
    def initialize(&block)
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @listeners = []
      compute(&block) if block
    end

    # @param seconds [Numeric, nil] how long to wait at most
    # @return [Object]
    # @raise [Exception] what the call raised; a Celluloid::Error when the time is over
    def value(seconds = nil)
      actor = Actor.inside
      actor && !ready? ? actor.wait_for(self) : wait(seconds)
      raise Error, "no value within #{seconds} s" unless ready?
      raise @error if @error

      @value
    end

    # @return [Boolean]
    def ready? = @done || false

    # @param value [Object]
    # @param error [Exception, nil]
    # @return [void]
    def settle(value, error = nil)
      listeners = @lock.synchronize do
        @value = value
        @error = error
        @done = true
        @changed.broadcast
        @listeners.slice!(0..)
      end
      listeners.each(&:call)
    end

    # @yield when it is ready, on whatever thread
    # @return [void]
    def when_ready(&listener)
      waits = @lock.synchronize { @done ? false : @listeners << listener }
      yield unless waits
    end

    private

    def wait(seconds)
      limit = seconds && (now + seconds)
      @lock.synchronize do
        @changed.wait(@lock, limit && [limit - now, 0].max) until @done || (limit && now >= limit)
      end
    end

    def compute
      Thread.new do
        settle(yield)
      rescue StandardError, ScriptError => e
        settle(nil, e)
      end
    end
  end
end
