# frozen_string_literal: true

require_relative "../errors"
require_relative "../monotonic"

module FlockOfChefs
  module Remote
    # The answer of a call that is under way; the call has a thread of its own and ends by its own deadline.
    #
    #     futures = FlockOfChefs.nodes(tags: "cache").map { |node| node[:cache].future.flush }
    #     Future.all(futures, timeout: 10)
    class Future
      # Calls of one process that may be under way as futures.
      LIMIT = 256

      @running = 0
      @lock = Mutex.new

      class << self
        # @param futures [Array<Future>]
        # @param timeout [Numeric, nil] seconds for all of them; nil = their own deadlines
        # @return [Array<Object>] their values, in their order
        # @raise [TimeoutError, Error] the first future's that failed
        def all(futures, timeout: nil) = n_of(futures.size, futures, timeout:) && futures.map(&:value)

        # @param futures [Array<Future>]
        # @param timeout [Numeric, nil] seconds
        # @return [Object] the value of the first one that succeeds
        # @raise [Error] the last one's when all fail
        def any(futures, timeout: nil) = n_of(1, futures, timeout:).first.value

        # @param count [Integer]
        # @param futures [Array<Future>]
        # @param timeout [Numeric, nil] seconds
        # @return [Array<Future>] those that succeeded first, at least +count+
        # @raise [TimeoutError, Error] when so many cannot succeed any more, the last failure
        def n_of(count, futures, timeout: nil)
          deadline = timeout && (now + timeout)
          loop do
            open = futures.reject(&:ready?) # first: those that are ready a moment later ring at once
            good = succeeded(count, futures) and return good
            next if one_more?(open, deadline)

            raise TimeoutError, "#{futures.count(&:ready?)} of #{count} answers came within #{timeout} s"
          end
        end

        # Counts one more.
        #
        # @api private
        # @return [void]
        # @raise [RejectedError] at the limit
        def enter
          @lock.synchronize do
            raise RejectedError.new("#{LIMIT} futures are under way; take the values of some", code: "futures") \
              if @running >= LIMIT

            @running += 1
          end
        end

        # @return [Integer] how many are under way
        # @api private
        def running = @lock.synchronize { @running }

        # Counts one less.
        #
        # @api private
        # @return [void]
        def leave = @lock.synchronize { @running -= 1 }

        private

        # @return [Array<Future>, nil] nil while it may still come to so many
        def succeeded(count, futures)
          done, open = futures.partition(&:ready?)
          good = done.reject(&:failed?)
          return good if good.size >= count
          raise done.filter_map(&:error).last || too_few(count, futures) if good.size + open.size < count
        end

        # Waits for any of them; false when the time is up.
        def one_more?(futures, deadline)
          bell = Bell.new
          futures.each { |future| future.on_ready { bell.ring } }
          bell.wait(deadline)
        end

        def too_few(count, futures) = ArgumentError.new("#{count} of #{futures.size} futures")

        def now = Monotonic.now
      end

      # Rung once, by whoever comes first.
      # @api private
      class Bell
        def initialize
          @lock = Mutex.new
          @rung = ConditionVariable.new
          @done = false
        end

        # @return [void]
        def ring
          @lock.synchronize do
            @done = true
            @rung.broadcast
          end
        end

        # @return [Boolean]
        def rung? = @lock.synchronize { @done }

        # @param deadline [Float, nil] by the monotonic clock
        # @return [Boolean] whether it was rung by then
        def wait(deadline)
          @lock.synchronize do
            until @done
              left = deadline && (deadline - Monotonic.now)
              return false if left && left <= 0

              @rung.wait(@lock, left)
            end
          end
          true
        end
      end

      # @return [Exception, nil] why it failed
      attr_reader :error

      # @yieldreturn [Object] on a thread of its own
      # @raise [RejectedError] when too many are under way
      def initialize(&work)
        Future.enter
        @lock = Mutex.new
        @bell = Bell.new
        @listeners = []
        @thread = Thread.new { run(work) }
        @thread.report_on_exception = false
      end

      # @param timeout [Numeric, nil] seconds; nil = until the call's own deadline
      # @return [Object] what the method answered
      # @raise [TimeoutError] when it has not by then; else what the call raised
      def value(timeout = nil)
        deadline = timeout && (Monotonic.now + timeout)
        @bell.wait(deadline) or raise TimeoutError, "no answer within #{timeout} s; it may still come"
        raise error if error

        @value
      end

      # @return [Boolean]
      def ready? = @bell.rung?

      # @return [Boolean] whether it ended with an error
      def failed? = ready? && !error.nil?

      # Gives the call up, unless it has ended; what has begun on the other node goes on there.
      #
      # @return [void]
      def cancel
        @thread.kill
        leave
        finish(nil, RejectedError.new("the call was cancelled", code: "cancelled"))
      end

      # @yield when it has ended; at once when it has
      # @return [void]
      # @api private
      def on_ready(&listener)
        waits = @lock.synchronize { @listeners << listener unless @bell.rung? }
        yield unless waits
      end

      private

      # It counts no longer when its value can be had.
      def run(work)
        value = begin
          work.call
        ensure
          leave
        end
        finish(value, nil)
      rescue StandardError => e
        finish(nil, e)
      end

      # Once: a thread that is killed before it has begun runs no ensure.
      def leave
        first = @lock.synchronize { !@left && (@left = true) }
        Future.leave if first
      end

      def finish(value, error)
        @lock.synchronize do
          return if @bell.rung?

          @value = value
          @error = error
          @bell.ring
        end
        @listeners.each(&:call)
      end
    end
  end
end
