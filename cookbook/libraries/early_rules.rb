module FlockOfChefsCookbook
  # What the first agent.toml says of rules that are not known yet. It is written before Chef has come to them, and an agent without rules admits
  # more, not less.
  module EarlyRules
    # No node has a name with a space in it. What there are rules for is denied to all whom none admits.
    NOBODY = 'nobody yet'.freeze
    CLOSED = [{ 'from' => NOBODY, 'resource' => '*', 'actions' => ['*'] }, { 'from' => NOBODY, 'call' => ['*'] }].freeze
    # Where cookbooks have the code that declares resources within resources.
    NESTED = %w(resources providers libraries).freeze

    class << self
      # @param run_context [Chef::RunContext]
      # @return [Array<Hash>] rules that admit nobody, unless the rules that recipes declare are all
      def closing(run_context)
        known?(run_context) ? [] : CLOSED
      end

      # @param run_context [Chef::RunContext]
      # @return [Boolean] whether the resources of recipes, as they are now, have all rules of this node
      def known?(run_context)
        AgentSettings.own_recipes?(run_context.node) && waiting(run_context).empty? && nesting(run_context).empty?
      end

      private

      # A condition may hold later that does not yet.
      def waiting(run_context)
        run_context.root_run_context.resource_collection.select do |resource|
          resource.declared_type == :flock_allow && !AgentSettings.conditions_hold?(resource)
        end
      end

      # @return [Array<String>] cookbooks whose custom resources declare rules
      def nesting(run_context)
        run_context.cookbook_collection.values.reject { |cookbook| cookbook.name.to_s == 'flock_of_chefs' }
                   .select { |cookbook| files(cookbook).any? { |path| ::File.read(path).b.include?('flock_allow') } }.map { |cookbook| cookbook.name.to_s }
      end

      def files(cookbook)
        NESTED.flat_map { |segment| cookbook.segment_filenames(segment) }.select { |path| path.end_with?('.rb') && ::File.file?(path) }
      end
    end
  end
end
