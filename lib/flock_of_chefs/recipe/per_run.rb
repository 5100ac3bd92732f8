# frozen_string_literal: true

module FlockOfChefs
  module Recipe
    # For classes that have one object for each Chef run, with the run's root context as +root+. It lives in
    # +node.run_state+, which Chef never saves, under the class's own +STATE_KEY+.
    module PerRun
      # @param run_context [Chef::RunContext, nil]
      # @return [Object, nil] nil for a resource outside any run
      def for(run_context)
        root = run_context&.root_run_context
        return if root&.node.nil?

        find(root) || root.node.run_state[self::STATE_KEY] = new(root)
      end

      # @param root [Chef::RunContext] a root context
      # @return [Object, nil] the run's object if there is one already
      def find(root)
        found = root.node&.run_state&.fetch(self::STATE_KEY, nil)
        found if found&.root.equal?(root)
      end
    end
  end
end
