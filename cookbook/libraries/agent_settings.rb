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
      def add(agent, resource)
        added(agent, resource.declared_type)[resource.name] = resource.setting
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
        return false if run_context.node.override_runlist_set? || Array(Chef::Config[:specific_recipes]).any?

        iterator = run_context.root_run_context.resource_collection.iterator
        iterator.nil? || iterator.position >= iterator.size
      end

      private

      def merged(agent, early)
        base = base(agent)
        extra = agent.settings.to_h { |name, value| [name.to_s, value] }
        merged = base.merge(extra) { |_, ours, theirs| ours.is_a?(Hash) && theirs.is_a?(Hash) ? ours.merge(theirs) : theirs }
        tags = list(agent, :flock_tag, early)
        rules = list(agent, :flock_allow, early)
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
        found = early ? declared(agent, type).to_h { |resource| [resource.name, resource.setting] } : {}
        found.merge(added(agent, type)).sort.filter_map(&:last)
      end

      def declared(agent, type)
        agent.run_context.root_run_context.resource_collection.select do |resource|
          resource.declared_type == type && resource.agent == agent.name && Array(resource.action).include?(:create) &&
            (resource.only_if + resource.not_if).all?(&:continue?)
        end
      end

      def added(agent, type)
        runs = agent.run_context.node.run_state[KEY] ||= {}
        runs[[agent.name, type]] ||= {}
      end
    end
  end
end
