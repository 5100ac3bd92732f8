# frozen_string_literal: true

module FlockOfChefs
  module Host
    # The calls of one API: as many at once as it works on, the others in order. How many wait, the agent bounds.
    class Lane
      # @param threads [Integer] at most
      # @param name [String] of the API
      # @yieldparam work [Object] on one of the threads
      def initialize(threads, name, &work)
        @limit = threads
        @name = name
        @work = work
        @waiting = []
        @lock = Mutex.new
        @changed = ConditionVariable.new
        @threads = @idle = @busy = 0
      end

      # @param work [Object]
      # @return [void]
      def push(work)
        @lock.synchronize do
          @waiting << work
          @idle >= @waiting.size || @threads >= @limit ? @changed.signal : grow
        end
      end

      # Takes something back that has not begun.
      #
      # @param work [Object]
      # @return [Boolean] whether it was still there
      def take_back(work) = @lock.synchronize { !@waiting.delete(work).nil? }

      # @return [Integer] what is not over
      def size = @lock.synchronize { @waiting.size + @busy }

      private

      def grow
        @threads += 1
        Thread.new { serve }.name = "api-#{@name}"[0, 15]
      end

      def serve
        loop do
          work = @lock.synchronize { take }
          begin
            @work.call(work)
          ensure
            @lock.synchronize { @busy -= 1 }
          end
        end
      end

      def take
        @idle += 1
        @changed.wait(@lock) while @waiting.empty?
        @idle -= 1
        @busy += 1
        @waiting.shift
      end
    end
  end
end
