# frozen_string_literal: true

require "monitor"
require_relative "../monotonic"
require_relative "host_process"

module FlockOfChefs
  module Agent
    # Keeps the process of one kind of APIs: goes on with it while its code is the same, replaces it when it is not, and
    # starts it again when it dies, after a pause that grows. One that dies again and again is given up until its code
    # changes.
    class HostKeeper
      include Monotonic

      # The pause after the first death; it doubles with each.
      PAUSE_S = 1
      # The longest pause.
      PAUSE_LIMIT_S = 300
      # Deaths in a row after which it is given up.
      DEATHS = 12
      # Seconds of serving after which the deaths before are forgotten.
      LIVES_S = 60
      # For a process that was let go to answer what it has.
      END_S = 40

      # @param kind [String] "cookbook" or "files"
      # @param launch [#command] {Host::Launch}, or its double
      # @param log [Log]
      # @yieldparam state [Hash] whenever it has changed: kind, state, failures, message
      def initialize(kind, launch:, log:, pause_s: PAUSE_S, lives_s: LIVES_S, end_s: END_S, deaths: DEATHS, &on_state)
        @kind = kind
        @launch = launch
        @log = log
        @pause_s = pause_s
        @lives_s = lives_s
        @end_s = end_s
        @deaths = deaths
        @on_state = on_state
        @lock = Monitor.new
        @changed = @lock.new_cond
        @failures = 0
      end

      # @param host [Hash, nil] what is to be served: an entry of the "hosts" event, with its socket and data_dir
      # @return [void]
      def want(host)
        @lock.synchronize do
          return if @ended

          same = host && @wanted && host["token"] == @wanted["token"]
          @wanted = host # of a newer generation, with the same code
          next if same

          replace
          host ? start : tell("off")
        end
      end

      # Ends the process, also one that cannot.
      #
      # @param seconds [Float] for what it has at hand
      # @return [void]
      def stop(seconds)
        process = @lock.synchronize do
          @ended = true
          @wanted = nil
          @process.tap { replace }
        end
        process&.terminate(0) unless process.nil? || process.wait(seconds)
      end

      # @return [Integer, nil] the process that serves, or is to
      def pid = @lock.synchronize { @process&.pid }

      private

      # The old one serves until the new one has told the agent that it does; then it hears so itself.
      def replace
        @failures = 0
        @message = nil
        pause_until(nil)
        kept = @process&.serving? ? @process : @old if @wanted
        [@old, @process].compact.each { |process| let_go(process) unless process.equal?(kept) }
        @old = kept
        @process = nil
      end

      def let_go(process)
        return unless process

        process.let_go
        Thread.new { process.wait(@end_s) || process.terminate(0) }
      end

      def start
        order = @wanted.slice("kind", "token", "socket", "data_dir", "snapshot_dir", "files")
        @process = HostProcess.new(@launch.command(@wanted), order) { |process| changed(process) }
        tell("starting")
      rescue StandardError => e
        failed("it could not be started: #{e.message}")
      end

      # On a thread of that process.
      def changed(process)
        @lock.synchronize do
          next unless process.equal?(@process)

          process.alive? ? served : died(process)
        end
      end

      def served
        @served = now
        let_go(@old)
        @old = nil
        tell("serving")
      end

      def died(process)
        status = process.wait(0)
        @process = nil
        @failures = 0 if @served && now - @served > @lives_s
        @served = nil
        how = status&.termsig ? "signal #{status.termsig}" : "exit #{status&.exitstatus}"
        failed("it ended (#{how})#{": #{last_words(process)}" unless last_words(process).empty?}")
      end

      # The first line of the last thing that it said, as far as that is one of ours.
      def last_words(process)
        line = process.tail.lines.grep(/\Aflock_of_chefs host: /).last.to_s
        line.delete_prefix("flock_of_chefs host: ").chomp[0, 300].to_s
      end

      def failed(message)
        @failures += 1
        @message = message
        return give_up(message) if @failures >= @deaths

        pause_s = [@pause_s * (2**(@failures - 1)), PAUSE_LIMIT_S].min
        @log.warn("host of APIs (#{@kind}): #{message}; started again in #{pause_s} s")
        pause_until(now + pause_s)
        tell("backing_off")
      end

      def give_up(message)
        @log.warn("host of APIs (#{@kind}): #{message}; given up after #{@failures} deaths until its code changes")
        tell("given_up")
      end

      # One thread waits out the pause, as long as there is one.
      def pause_until(instant)
        @not_before = instant
        @changed.broadcast
        @waiter = Thread.new { wait_out } if instant && !@waiter&.alive?
      end

      def wait_out
        @lock.synchronize do
          while @not_before && (left = @not_before - now).positive?
            @changed.wait(left)
          end
          @waiter = nil
          next unless @not_before && @wanted && !@process

          pause_until(nil)
          start
        end
      end

      def tell(state)
        @on_state&.call({ kind: @kind, state:, failures: @failures, message: @message.to_s })
      end
    end
  end
end
