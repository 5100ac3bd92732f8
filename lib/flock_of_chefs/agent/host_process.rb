# frozen_string_literal: true

require_relative "process_group"
require_relative "../worker/control"

module FlockOfChefs
  module Agent
    # One process of APIs as its agent sees it: started by exec, told what to serve, and let go by closing the
    # connection: it then ends when the calls that it has are over.
    class HostProcess
      include ProcessGroup

      # @return [Integer]
      attr_reader :pid

      # @param command [Array(Hash, Array<String>, Hash)] for Process.spawn
      # @param order [Hash] what it is to serve
      # @yieldparam process [HostProcess] on a thread of its own, when it serves and when it has ended
      # @raise [SystemCallError] when it cannot be started
      def initialize(command, order, &on_change)
        env, argv, options = command
        @on_change = on_change
        @control, theirs = Worker::Control.pair
        follow_log(Array(options[:out]).first)
        @pid = Process.spawn(env, *argv, **options, in: theirs, pgroup: true)
        @waiter = Process.detach(@pid)
        @control.tell(order)
        @listener = Thread.new { listen }
        @listener.name = "flock-host"
      rescue StandardError
        @control&.close
        raise
      ensure
        theirs&.close
      end

      # @return [Boolean]
      def alive? = @waiter.alive?

      # @return [Boolean] whether it has said that it serves
      def serving? = @serving || false

      # Lets it end as soon as it has answered the calls that it has.
      #
      # @return [void]
      def let_go = @control.finish

      # @param seconds [Float]
      # @return [Process::Status, nil] nil when it still runs
      def wait(seconds) = @waiter.join(seconds)&.value

      private

      def listen
        while @control.hear
          @serving = true
          @on_change.call(self)
        end
        @waiter.join
      ensure
        @control.close
        @on_change.call(self)
      end
    end
  end
end
