# frozen_string_literal: true

require "io/wait"

module FlockOfChefs
  module Agent
    # What the agent's main thread sleeps on: signals, the end of the start, the end of the dispatcher. A pipe, because
    # a trap may neither lock nor wait.
    class Wakeups
      # What asks the agent to stop.
      SIGNALS = %w[INT TERM].freeze
      # Byte in the pipe => what it means.
      KINDS = { "s" => :signal, "r" => :started, "d" => :dispatcher }.freeze

      def initialize
        @reader, @writer = IO.pipe
        @before = {}
      end

      # Takes over {SIGNALS}.
      #
      # @return [void]
      def trap
        SIGNALS.each { |name| @before[name] = Signal.trap(name) { push(:signal) } }
      end

      # Gives {SIGNALS} back.
      #
      # @return [void]
      def untrap
        @before.each { |name, handler| Signal.trap(name, handler || "DEFAULT") }
        @before.clear
      end

      # @param kind [Symbol] one of {KINDS}
      # @return [void]
      def push(kind)
        @writer.write_nonblock(KINDS.key(kind), exception: false)
      rescue IOError
        nil # closed: nobody sleeps any more
      end

      # @param seconds [Float, nil] how long to sleep at most; nil = until something happens
      # @return [Symbol, nil] nil when the time is over
      def pop(seconds = nil)
        return unless @reader.wait_readable(seconds && [seconds, 0].max)

        KINDS.fetch(@reader.read_nonblock(1))
      end

      # @return [void]
      def close
        untrap
        [@reader, @writer].each(&:close)
      end
    end
  end
end
