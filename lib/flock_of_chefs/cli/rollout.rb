# frozen_string_literal: true

require_relative "many"
require_relative "rollout/outcome"

module FlockOfChefs
  module CLI
    # The same for many nodes, batch by batch, until all were asked or it went wrong too often. What is known by then is
    # kept, however it ends: by an error of the agent, or by a signal.
    class Rollout
      # Gives a command the options.
      #
      # @param command [Class]
      # @return [void]
      def self.offer(command)
        command.option(:batch, desc: "So many nodes at a time, 5 or 10%: the next when those have ended")
        command.option(:max_errors, desc: "Ask no more once it went wrong on more than so many: 0, 5%")
        command.option(:dry_run, type: :flag, desc: "Only tell which nodes would be asked")
      end

      # @return [SignalException, nil] what ended it
      attr_reader :interrupt

      # @param nodes [Array<String>]
      # @param options [Hash] :batch and :max_errors
      # @param progress [#call] takes the number of nodes, answers a {Progress}; called when it begins
      # @yieldparam node [String] of which no outcome is known
      # @yieldparam state [String] "not_asked", or "unknown" if it was
      # @yieldparam message [String] why
      # @yieldreturn [Array(Hash, String)] the row, and where to look if it is unknown
      # @raise [ConfigurationError]
      def initialize(nodes, options, progress, &missing)
        @nodes = nodes
        @make_progress = progress
        @missing = missing
        @batch = Value.share(options[:batch], nodes.size, "--batch") || [nodes.size, 1].max
        @most = Value.share(options[:max_errors], nodes.size, "--max-errors", least: 0, &:floor)
        @outcomes = {}
        @begun = {}
        @lock = Mutex.new
      end

      # @yieldparam batch [Array<String>] each is to be {began}, and {ended} with its outcome
      # @return [void]
      # @raise [Error] of the only batch, if no outcome is known: it is the command's own then
      def run(&)
        @progress = @make_progress.call(@nodes.size)
        @nodes.each_slice(@batch) { |batch| stopped? || attempt(batch, &) }
      rescue SignalException => e
        @interrupt = e
      ensure
        @progress&.close
      end

      # Asks the nodes of a batch side by side.
      #
      # @param batch [Array<String>]
      # @yieldparam node [String]
      # @return [Hash{String=>Object}] what the block answered, or the {Error} that it raised; without those that were
      #   not asked any more
      def ask(batch, &) = Many.map(batch, go_on: -> { !stopped? }, &)

      # From now on it may happen there.
      #
      # @param node [String]
      # @return [void]
      def began(node)
        @lock.synchronize { @begun[node] = true }
        @progress.began(node)
      end

      # Keeps it.
      #
      # @param outcome [Outcome]
      # @param word [String] for people
      # @return [Outcome] the same
      def ended(outcome, word)
        @lock.synchronize { @outcomes[outcome.node] = outcome }
        @progress.ended(outcome.node, word, good: outcome.good?)
        outcome
      end

      # @return [Boolean] whether one batch waits for another
      def several? = @nodes.size > @batch

      # @return [Array<Outcome>] of all nodes, in their order
      def outcomes = @nodes.map { |node| @outcomes.fetch(node) { unheard(node) } }

      # @return [Integer] see {ExitCodes}; of a signal as shells have it
      def code = interrupt ? 128 + interrupt.signo : ExitCodes.worst(outcomes.filter_map(&:code))

      private

      # Who cannot be asked now would be asked for the next batch in vain, or before this one has ended.
      def attempt(batch)
        yield(batch)
      rescue StandardError => e
        raise if batch.size == @nodes.size && @outcomes.empty?

        @halt = e.message
        (batch - @outcomes.keys).each { |node| ended(broken(node, e), e.message) }
      end

      # Whether it went wrong too often, or for good.
      def stopped? = @halt || (@most && errors > @most)

      def errors = @lock.synchronize { @outcomes.values.count { |outcome| !outcome.good? } }

      def broken(node, error)
        state = @begun[node] && Outcome.perhaps?(error) ? "unknown" : "not_asked"
        missing(node, state, error.message, ExitCodes.of_error(error))
      end

      def unheard(node)
        return missing(node, "unknown", "interrupted before it ended", ExitCodes::UNKNOWN) if @begun[node]

        missing(node, "not_asked", "not asked, since #{reason}", nil)
      end

      def reason
        return "it was interrupted" if interrupt

        @halt ? "it was stopped: #{@halt}" : "it went wrong on #{errors} before"
      end

      def missing(node, state, message, code)
        row, look = @missing.call(node, state, message)
        Outcome.new(node, row, code, (look if state == "unknown"))
      end
    end
  end
end
