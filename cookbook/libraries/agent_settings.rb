module FlockOfChefsCookbook
  # What agent.toml says: the properties of the one flock_agent, and the rules and tags that other resources add.
  module AgentSettings
    KEY = :flock_of_chefs_cookbook
    LISTS = { flock_allow: 'allow', flock_tag: 'tags' }.freeze

    class << self
      # Notes what a resource adds, in this run.
      #
      # @param agent [Chef::Resource] a flock_agent
      # @param resource [Chef::Resource] a flock_allow or flock_tag
      # @return [void]
      # @raise [RuntimeError] when another one of its name adds something else
      def add(agent, resource)
        put(added(agent, resource.declared_type), resource)
      end

      # Takes it away again.
      def remove(agent, resource)
        added(agent, resource.declared_type)[resource.name] = nil
      end

      # @param agent [Chef::Resource]
      # @param early [Boolean] whether resources count that the recipes declare and Chef has not come to yet
      # @return [String] agent.toml
      def render(agent, early: false)
        "# Written by the cookbook flock_of_chefs; changes are lost at the next run of #{ChefUtils::Dist::Infra::CLIENT}.\n" +
          Toml.render(merged(agent, early))
      end

      # An incomplete run has not seen all rules, and without any the agent admits more, not less.
      #
      # @param run_context [Chef::RunContext]
      # @return [Boolean] whether Chef has come to the last resource of the node's own recipes
      def complete?(run_context)
        return false unless own_recipes?(run_context.node)

        iterator = run_context.root_run_context.resource_collection.iterator
        iterator.nil? || iterator.position >= iterator.size
      end

      # @param node [Chef::Node]
      # @return [Boolean] whether this run is of the node's own run list, and of nothing else
      def own_recipes?(node)
        !node.override_runlist_set? && Array(Chef::Config[:specific_recipes]).empty?
      end

      # @param resource [Chef::Resource]
      # @return [Boolean] whether its only_if and not_if would have Chef act on it now
      def conditions_hold?(resource)
        (resource.only_if + resource.not_if).all?(&:continue?)
      end

      private

      def merged(agent, early)
        base = base(agent)
        extra = agent.settings.to_h { |name, value| [name.to_s, value] }
        merged = base.merge(extra) { |_, ours, theirs| ours.is_a?(Hash) && theirs.is_a?(Hash) ? ours.merge(theirs) : theirs }
        tags = list(agent, :flock_tag, early)
        rules = list(agent, :flock_allow, early)
        rules += EarlyRules.closing(agent.run_context) if early
        merged['tags'] = (Array(merged['tags']) + tags).uniq.sort
        merged['allow'] = Array(merged['allow']) + rules
        merged.reject { |_, value| value.respond_to?(:empty?) && value.empty? && !value.is_a?(String) }
      end

      def base(agent)
        {
          'name' => agent.node_name, 'data_dir' => agent.data_dir, 'socket' => agent.socket, 'listen' => agent.listen,
          'advertise' => agent.advertise, 'tags' => agent.tags, 'cloud' => agent.cloud,
          'registry' => agent.hub ? { 'url' => 'embedded' } : {},
          'join' => agent.hubs.empty? ? {} : { 'hubs' => agent.hubs },
          'chef' => { 'config' => agent.chef_config }
        }
      end

      # By name, so that the order of recipes does not matter.
      def list(agent, type, early)
        found = early ? declared(agent, type).each_with_object({}) { |resource, all| put(all, resource) } : {}
        found.merge(added(agent, type)).sort_by(&:first).filter_map { |_, (_, setting)| setting }
      end

      # A second rule of a name would take the place of the first in silence.
      def put(all, resource)
        other, setting = all[resource.name]
        if other && !other.equal?(resource) && setting != resource.setting
          raise "#{resource} (#{resource.source_line}) says something else than the one of the same name in #{other.source_line}; give one of them another name"
        end

        all[resource.name] = [resource, resource.setting]
      end

      def declared(agent, type)
        agent.run_context.root_run_context.resource_collection.select do |resource|
          resource.declared_type == type && resource.agent == agent.name && Array(resource.action).include?(:create) &&
            conditions_hold?(resource)
        end
      end

      def added(agent, type)
        runs = agent.run_context.node.run_state[KEY] ||= {}
        runs[[agent.name, type]] ||= {}
      end
    end
  end
end
