# frozen_string_literal: true

require_relative "../errors"
require_relative "../calls/value"
require_relative "../monotonic"

module FlockOfChefs
  module Remote
    # One call whose method yields: what it yields is fetched, some at a time, and given to a block. Nothing is fetched
    # while the block is at work, which holds the method once what may be on the way (256 KiB) is full.
    # @api private
    class Stream
      include Monotonic

      # Pauses before a question that did not get through is asked again, in seconds.
      PAUSES_S = [0.1, 0.2, 0.4, 0.8].freeze

      # Asks for what comes next, again when the question did not get through (a hub that is busy, a connection that
      # could not be made): the stream is where it was.
      #
      # @yieldreturn [Hash] the answer
      # @raise [Error]
      def self.persist
        pauses = PAUSES_S.dup
        begin
          yield
        rescue ConnectionError, RejectedError
          sleep(pauses.shift || raise)
          retry
        end
      end

      # @param timeout_ms [Integer] for the whole of it
      # @yieldparam more [Hash] what to add to the request
      # @yieldparam timeout_ms [Integer] what is left
      # @yieldparam question [Integer] how many came before it
      # @yieldreturn [Hash] the answer
      def initialize(timeout_ms, &ask)
        @ask = ask
        @until = now + (timeout_ms / 1000.0)
        @questions = 0
      end

      # @yield what the method yields
      # @return [Hash] the answer that ended it
      # @raise [Error, Exception] whatever the block raises
      def run(&block)
        answer = ask(streams: true)
        until answer["stream"].empty?
          take(answer, block)
          answer = ask(stream: answer["stream"], streams: true)
        end
        give(answer, block)
        answer
      end

      private

      def give(answer, block)
        answer["yields"].each { |values| block.call(*FlockOfChefs::Calls::Value.load(values)) }
      end

      # Whoever leaves the block early wants no more.
      def take(answer, block)
        all = false
        give(answer, block)
        all = true
      ensure
        end_it(answer["stream"]) unless all
      end

      def end_it(stream)
        @ask.call({ stream:, stream_ends: true }, [left_ms, 1_000].min, nil) if left_ms.positive?
      rescue Error
        nil # then its own time ends it
      end

      def ask(more)
        raise TimeoutError, "the method has not come to its end in time" unless left_ms.positive?

        @ask.call(more, left_ms, (@questions += 1) - 1)
      end

      def left_ms = ((@until - now) * 1000).ceil
    end
  end
end
