# frozen_string_literal: true

require "json"

module Bench
  # What the calling process of every contestant does: the same cases, the same counts, the same clock. Callers are
  # threads of one process. It is loaded in processes of peers, so it needs nothing but Ruby.
  class Calling
    # Bytes of the payload that is sent and comes back.
    PAYLOADS = [64, 64 * 1024].freeze
    CALLERS = [1, 16].freeze

    # @param plan [Hash{String => Integer}] "calls" of a case, "large" for the larger payload, "async"
    def initialize(plan = JSON.parse(ARGV.fetch(0)))
      @plan = plan
    end

    # @yieldparam payload [String]
    # @yieldreturn [String] the same, from the other process
    # @return [Array<Hash>] milliseconds of each call, seconds of all
    def cases(&)
      PAYLOADS.product(CALLERS).map { |bytes, callers| measure(bytes, callers, &) }
    end

    # Increments whose answers nobody waits for, until the counter has counted them all.
    #
    # @param increment [#call]
    # @param count [#call] what the counter shows
    # @return [Hash]
    def async(increment, count)
      start = count.call
      10.times { increment.call }
      wait(count, start + 10)
      began = Calling.now
      @plan.fetch("async").times { increment.call }
      wait(count, start + 10 + @plan.fetch("async"))
      { count: @plan.fetch("async"), seconds: Calling.now - began }
    end

    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # @param result [Hash]
    def self.tell(result) = $stdout.puts(JSON.generate(result)) || $stdout.flush

    private

    def measure(bytes, callers, &)
      payload = "x" * bytes
      each = [@plan.fetch(bytes > 1024 ? "large" : "calls") / callers, 1].max
      together(callers, [each / 10, 1].max, payload, &)
      began = Calling.now
      took = together(callers, each, payload, &)
      { bytes: bytes, callers: callers, took: took, seconds: Calling.now - began }
    end

    def together(callers, each, payload, &)
      return take(each, payload, &) if callers == 1

      Array.new(callers) { Thread.new { take(each, payload, &) } }.flat_map(&:value)
    end

    def take(count, payload)
      Array.new(count) do
        began = Calling.now
        answer = yield(payload)
        took = Calling.now - began
        raise "another payload came back" unless answer.bytesize == payload.bytesize

        took * 1_000
      end
    end

    def wait(count, number)
      deadline = Calling.now + 300
      until (shown = count.call) == number
        raise "the counter shows #{shown}, not #{number}" if shown > number || Calling.now > deadline

        sleep 0.001
      end
    end
  end
end
