# frozen_string_literal: true

require_relative "process_group"
require_relative "warm_child"
require_relative "../worker/control"

module FlockOfChefs
  module Agent
    # One warm worker as its agent sees it: started by exec for one generation, asked for a process per job, and let go
    # by closing the connection: it ends by itself when the jobs that it has are over.
    class WarmProcess
      include ProcessGroup

      # What it said before it ended is read for so long, in case something that it started keeps its socket open.
      LAST_WORDS_S = 1

      # @return [Integer]
      attr_reader :pid
      # @return [Symbol] +:loading+, +:loaded+, +:compiling+, +:warm+ or, after a compile that failed, +:spoiled+
      attr_reader :state

      # @param env [Hash]
      # @param argv [Array<String>]
      # @param options [Hash] of Process.spawn
      # @yieldparam process [WarmProcess] on a thread of its own, whenever its state has changed and when it has ended
      # @raise [SystemCallError] when it cannot be started
      def initialize(env, argv, options, &on_change)
        @log = Array(options[:out]).first
        @on_change = on_change
        @state = :loading
        @lock = Mutex.new
        @children = {}
        @control, theirs = Worker::Control.pair
        @pid = Process.spawn(env, *argv, **options, in: theirs, pgroup: true)
        @waiter = Process.detach(@pid)
        follow
      rescue StandardError
        @control&.close
        raise
      ensure
        theirs&.close
      end

      # Asks for a process for a job. It is there when {WarmChild#introduction} says so.
      #
      # @param job [String]
      # @param job_file [String]
      # @return [WarmChild, nil] nil when nobody listens
      def child(job, job_file)
        line, theirs = UNIXSocket.pair
        child = WarmChild.new(line, @log)
        @lock.synchronize { @children[job] = child }
        return child if @control.tell({ job_file: }, theirs)

        forget(job, child)
      rescue SystemCallError => e # no descriptors left
        line&.close
        raise e
      ensure
        theirs&.close
      end

      # @return [Boolean]
      def alive? = @waiter.alive?

      # @return [Boolean] whether a job runs in a process of it
      def busy? = @lock.synchronize { @children.each_value.any?(&:pid) }

      # Lets it end as soon as no job of it runs.
      #
      # @return [void]
      def let_go = @control.finish

      # Ends it, but not the jobs that it has forked.
      #
      # @return [void]
      def kill = signal(:KILL)

      # @param seconds [Float]
      # @return [Process::Status, nil] nil when it still runs
      def wait(seconds) = @waiter.join(seconds)&.value

      private

      def forget(job, child)
        @lock.synchronize { @children.delete(job) }
        child.close
        nil
      end

      def follow
        @listener = Thread.new { listen }
        @listener.name = "flock-warm-listen"
        @ender = Thread.new { follow_end }
        @ender.name = "flock-warm-end"
      end

      def listen
        while (message, = @control.hear)
          take(message)
        end
      end

      def follow_end
        @waiter.join
        @listener.join(LAST_WORDS_S)
      ensure
        @control.close
        @lock.synchronize { @children.values }.each(&:orphan)
        @on_change.call(self)
      end

      def take(message)
        return ended(message) unless message["state"]

        @state = message["state"].to_sym
        @on_change.call(self)
      end

      def ended(message)
        child = @lock.synchronize { @children.delete(message["ended"]) }
        child&.ended(message["exit"], message["signal"])
      end
    end
  end
end
