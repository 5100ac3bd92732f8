# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # The same for many nodes.
    module Many
      # Nodes that are asked at once.
      AT_ONCE = 16

      module_function

      # @param nodes [Array<String>]
      # @yieldparam node [String]
      # @return [Hash{String=>Object}] by node, in their order: what the block answered, or the {Error} that it raised
      def map(nodes)
        waiting = Thread::Queue.new(nodes).close
        answers = nodes.to_h { |node| [node, nil] }
        threads = Array.new([AT_ONCE, nodes.size].min) do
          Thread.new do
            Thread.current.report_on_exception = false
            while (node = waiting.pop)
              answers[node] = attempt { yield node }
            end
          end
        end
        threads.each(&:join)
        answers
      ensure
        threads&.each(&:kill)
      end

      # @return [Object, Error]
      def attempt
        yield
      rescue Error => e
        e
      end
    end
  end
end
