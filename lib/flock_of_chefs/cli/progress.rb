# frozen_string_literal: true

require_relative "../monotonic"

module FlockOfChefs
  module CLI
    # How far a command has come with several nodes: a line whenever one has ended.
    class Progress
      include Monotonic

      # Outstanding nodes that are named, the slowest first.
      NAMED = 3
      # Who takes longer is slow.
      SLOW_S = 2

      # @param total [Integer]
      # @param say [#call] takes a line
      def initialize(total, say)
        @total = total
        @say = say
        @lock = Mutex.new
        @begun = {}
        @done = @failed = 0
      end

      # @param node [String]
      # @return [void]
      def began(node) = change { @begun[node] = now }

      # @param node [String]
      # @param word [String] what became of it
      # @param good [Boolean]
      # @return [void]
      def ended(node, word, good:)
        change do
          @begun.delete(node)
          good ? @done += 1 : @failed += 1
          tell(node, word, good)
        end
      end

      # Nothing more is to come.
      #
      # @return [void]
      def close; end

      # @return [String] "12 of 40 done, 1 failed, 27 outstanding (slowest: web7 34 s, web9 30 s)"
      def to_s
        outstanding = @total - @done - @failed
        "#{@done} of #{@total} done, #{@failed} failed, #{outstanding} outstanding#{slowest if outstanding.positive?}"
      end

      private

      # One node needs no table.
      def tell(node, word, _good) = @total > 1 && @say.call("#{node}: #{word} (#{self})")

      def change(&) = @lock.synchronize(&)

      def slowest
        named = @begun.select { |_, at| now - at >= SLOW_S }.min_by(NAMED) { |_, at| at }
                      .map { |node, at| "#{node} #{(now - at).round} s" }
        " (slowest: #{named.join(", ")})" unless named.empty?
      end

      # The same in one line of a terminal.
      class Redrawn < Progress
        # How often seconds are counted on.
        EVERY_S = 1

        # @param total [Integer]
        # @param talk [Talk]
        def initialize(total, talk)
          super
          @talk = talk
          @ticker = Thread.new { tick } if total > 1
        end

        # @return [void]
        def close
          @ticker&.kill
          @ticker&.join
          @talk.show("")
        end

        private

        # The line counts those that failed; why they did is said above it.
        def tell(node, word, good)
          return unless @total > 1

          @talk.call("#{node}: #{word}") unless good
          @talk.show(to_s)
        end

        def tick
          loop do
            change { @talk.show(to_s) }
            sleep(EVERY_S)
          end
        end
      end
    end
  end
end
