# frozen_string_literal: true

module Celluloid
  # The messages that wait for one actor.
  class Mailbox
    # Calls beyond these are refused. What an actor waits for itself is always let in.
    LIMIT = 1_000

    def initialize(limit = LIMIT)
      @limit = limit
      @waiting = []
      @lock = Mutex.new
      @changed = ConditionVariable.new
    end

    # @param message [Object]
    # @param own [Boolean] whether the actor waits for it
    # @return [void]
    # @raise [DeadActorError, MailboxFull]
    def push(message, own: false)
      @lock.synchronize do
        raise DeadActorError, "the actor has ended" if @closed
        raise MailboxFull, "#{@limit} calls wait for the actor" if !own && @waiting.size >= @limit

        @waiting << message
        @changed.signal
      end
    end

    # @param seconds [Float, nil] how long to wait at most
    # @return [Object, nil]
    def pop(seconds)
      @lock.synchronize do
        @changed.wait(@lock, seconds) if @waiting.empty?
        @waiting.shift
      end
    end

    # @return [Array] what nobody will take
    def close
      @lock.synchronize do
        @closed = true
        @waiting.slice!(0..)
      end
    end
  end
end
