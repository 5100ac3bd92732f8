# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # The same for many nodes.
    module Many
      # Nodes that are asked at once.
      AT_ONCE = 16

      module_function

      # @param nodes [Array<String>]
      # @param go_on [#call] asked before each node: whether it is to be asked
      # @yieldparam node [String]
      # @return [Hash{String=>Object}] by node, in their order: what the block answered, or the {Error} that it raised;
      #   those that were not asked are left out
      def map(nodes, go_on: -> { true })
        waiting = Thread::Queue.new(nodes).close
        answers = {}
        threads = Array.new([AT_ONCE, nodes.size].min) do
          thread do
            while go_on.call && (node = waiting.pop)
              answers[node] = attempt { yield node }
            end
          end
        end
        threads.each(&:join)
        answers.sort_by { |node, _| nodes.index(node) }.to_h
      ensure
        threads&.each(&:kill)
      end

      def thread(&)
        Thread.new(&).tap { |made| made.report_on_exception = false }
      end
      private_class_method :thread

      # @return [Object, Error]
      def attempt
        yield
      rescue Error => e
        e
      end
    end
  end
end
