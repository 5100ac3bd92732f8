# frozen_string_literal: true

require_relative "../errors"

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
            done, open = futures.partition(&:ready?)
            good = done.reject(&:failed?)
            return good if good.size >= count
            raise done.filter_map(&:error).last || too_few(count, futures) if good.size + open.size < count

            wait_for_one(open, deadline) or raise TimeoutError, "#{good.size} of #{count} answers came in time"
          end
        end

        # @api private
        def enter
          @lock.synchronize do
            raise RejectedError.new("#{LIMIT} futures are under way; take the values of some", code: "futures") \
              if @running >= LIMIT

            @running += 1
          end
        end

        # @api private
        def leave = @lock.synchronize { @running -= 1 }

        private

        # @return [Boolean] false when the time is up
        def wait_for_one(futures, deadline)
          lock = Mutex.new
          bell = ConditionVariable.new
          rung = false
          futures.each { |future| future.on_ready { lock.synchronize { rung = true and bell.signal } } }
          lock.synchronize do
            until rung
              left = deadline && (deadline - now)
              return false if left && left <= 0

              bell.wait(lock, left)
            end
          end
          true
        end

        def too_few(count, futures) = ArgumentError.new("#{count} of #{futures.size} futures")

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end

      # @return [Exception, nil] why it failed
      attr_reader :error

      # @yieldreturn [Object] on a thread of its own
      # @raise [RejectedError] when too many are under way
      def initialize(&work)
        Future.enter
        @lock = Mutex.new
        @ended = ConditionVariable.new
        @listeners = []
        @thread = Thread.new { run(work) }
        @thread.report_on_exception = false
      end

      # @param timeout [Numeric, nil] seconds; nil = until the call's own deadline
      # @return [Object] what the method answered
      # @raise [TimeoutError] when it has not by then; else what the call raised
      def value(timeout = nil)
        wait(timeout) or raise TimeoutError, "no answer within #{timeout} s; it may still come"
        raise error if error

        @value
      end

      # @return [Boolean]
      def ready? = @lock.synchronize { @done || false }

      # @return [Boolean] whether it ended with an error
      def failed? = ready? && !error.nil?

      # Gives the call up; what has begun on the other node goes on there.
      #
      # @return [Boolean] false when it had ended before
      def cancel
        return false if ready?

        @thread.kill
        finish(nil, RejectedError.new("the call was cancelled", code: "cancelled"))
        true
      end

      # @yield when it has ended; at once when it has
      # @return [void]
      # @api private
      def on_ready(&listener)
        @lock.synchronize { @done ? nil : @listeners << listener } or listener.call
      end

      private

      def run(work)
        finish(work.call, nil)
      rescue StandardError => e
        finish(nil, e)
      ensure
        Future.leave
      end

      def finish(value, error)
        listeners = @lock.synchronize do
          return if @done

          @value = value
          @error = error
          @done = true
          @ended.broadcast
          @listeners
        end
        listeners.each(&:call)
      end

      def wait(timeout)
        deadline = timeout && (Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout)
        @lock.synchronize do
          until @done
            left = deadline && (deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC))
            return false if left && left <= 0

            @ended.wait(@lock, left)
          end
        end
        true
      end
    end
  end
end
