# frozen_string_literal: true

require_relative "many"

module FlockOfChefs
  module CLI
    # The same for many nodes, batch by batch, until all were asked or it went wrong too often.
    class Rollout
      # What became of it at one node.
      #
      # @!attribute node
      #   @return [String]
      # @!attribute row
      #   @return [Hash] for the result
      # @!attribute code
      #   @return [Integer, nil] see {ExitCodes}; nil = it was not asked
      Outcome = Struct.new(:node, :row, :code) do
        # @return [Boolean]
        def good? = code == ExitCodes::DONE
      end

      # Gives a command the options.
      #
      # @param command [Class]
      # @return [void]
      def self.offer(command)
        command.option(:batch, desc: "So many nodes at a time, 5 or 10%: the next when those have ended")
        command.option(:max_errors, desc: "Ask no more once it went wrong on more than so many: 0, 5%")
        command.option(:dry_run, type: :flag, desc: "Only tell which nodes would be asked")
      end

      # @param nodes [Array<String>]
      # @param options [Hash] :batch and :max_errors
      # @param progress [Progress]
      # @raise [ConfigurationError]
      def initialize(nodes, options, progress)
        @nodes = nodes
        @progress = progress
        @batch = Value.share(options[:batch], nodes.size, "--batch") || [nodes.size, 1].max
        @most = Value.share(options[:max_errors], nodes.size, "--max-errors", least: 0, &:floor)
        @errors = 0
        @lock = Mutex.new
      end

      # @yieldparam batch [Array<String>]
      # @yieldreturn [Array<Outcome>] of those that were asked
      # @return [Array<Outcome>] of all nodes, in their order
      def run
        outcomes = @nodes.each_slice(@batch).flat_map { |batch| stopped? ? [] : yield(batch) }
        known = outcomes.to_h { |outcome| [outcome.node, outcome] }
        @nodes.map { |node| known.fetch(node) { not_asked(node) } }
      ensure
        @progress.close
      end

      # Asks the nodes of a batch side by side.
      #
      # @param batch [Array<String>]
      # @yieldparam node [String]
      # @return [Hash{String=>Object}] what the block answered, or the {Error} that it raised; without those that were
      #   not asked any more
      def ask(batch, &) = Many.map(batch, go_on: -> { !stopped? }, &)

      # @param node [String]
      # @return [void]
      def began(node) = @progress.began(node)

      # Counts it.
      #
      # @param outcome [Outcome]
      # @param word [String] for people
      # @return [Outcome] the same
      def ended(outcome, word)
        @lock.synchronize { @errors += 1 } unless outcome.good?
        @progress.ended(outcome.node, word, good: outcome.good?)
        outcome
      end

      # @return [Boolean] whether it went wrong too often
      def stopped? = @most && @errors > @most

      private

      def not_asked(node)
        message = "not asked, since it went wrong on #{@errors} before"
        Outcome.new(node, { "node" => node, "error" => message, "message" => message }, nil)
      end
    end
  end
end
