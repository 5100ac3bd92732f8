# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # The node as it was before the run's first attribute file: attributes of every level that does not come from
    # cookbooks.
    module RestoredNode
      class << self
        # @param snapshot [Hash] snapshot.json
        # @return [Chef::Node]
        def build(snapshot)
          node = Chef::Node.new
          node.name(snapshot["node"])
          policy(node, snapshot["policy"])
          node.chef_environment(snapshot["environment"])
          node.run_list.reset!(snapshot["run_list"])
          attributes(node, snapshot["attributes"])
          node
        end

        private

        def policy(node, policy)
          return unless policy["name"]

          node.policy_name = policy["name"]
          node.policy_group = policy["group"]
          # Chef's Policyfile builder sets this one cookbook-level default itself.
          node.default["chef-vault"]["databag_fallback"] = ChefUtils.kitchen?(node)
        end

        def attributes(node, levels)
          levels.each { |level, values| node.attributes.public_send("#{level}=", values) }
          version = node["platform_version"]
          # Compares as a version; JSON has made it a plain string.
          node.automatic["platform_version"] = Chef::VersionString.new(version) if version
        end
      end
    end
  end
end
