# frozen_string_literal: true

require_relative "recipe_list"
require_relative "ruby_process"

module FlockOfChefs
  module Run
    # What a worker must know of the node and of Chef's configuration to compile the run again.
    #
    # Attributes are kept by precedence level. A node's own JSON merges the cookbooks' defaults into one level;
    # compiling over that doubles whatever attribute files append. The cookbook levels and the forced ones are left to
    # the compile.
    class NodeState
      # Attribute levels that no cookbook makes; see above.
      LEVELS = %w[role_default env_default role_override env_override normal automatic].freeze
      # Restored as they were in the run, whatever the command line or local mode had made of them.
      CONFIG = %i[lockfile file_cache_path file_backup_path node_name local_mode solo solo_legacy_mode chef_server_url
                  client_key no_lazy_load].freeze

      # Those that cookbooks make, and a worker's compile makes again.
      MADE = %w[default force_default override force_override].freeze

      # @param node [Chef::Node]
      # @return [Hash{String=>Hash}]
      def self.made_attributes(node)
        MADE.to_h { |level| [level, node.attributes.public_send(level).to_hash] }
      end

      # @param run_context [Chef::RunContext]
      # @param expansion [#recipes, #roles, nil]
      def initialize(run_context, expansion)
        @node = run_context.node
        @expansion = expansion
        @recipes = RecipeList.recipes(@node, expansion)
      end

      # @return [Hash] the node's part of snapshot.json
      def to_h
        {
          "node" => @node.name, "chef_version" => Chef::VERSION, "attributes" => attributes,
          "environment" => @node.chef_environment, "run_list" => @node.run_list.run_list_items.map(&:to_s),
          "recipes" => @recipes, "roles" => roles, "policy" => policy, "config" => config,
          "ruby" => RubyProcess.describe(without: [Chef::Config[:file_cache_path]].compact)
        }
      end

      private

      def attributes
        levels = LEVELS.to_h { |level| [level, @node.attributes.public_send(level).to_hash] }
        levels["automatic"]["recipes"] = RecipeList.attribute(@recipes)
        levels
      end

      def roles = Array(@expansion ? @expansion.roles : @node["roles"]).map(&:to_s)

      def policy
        { "name" => @node.policy_name, "group" => @node.policy_group, "revision" => @node["policy_revision"] }
      end

      def config
        values = CONFIG.to_h { |name| [name.to_s, Chef::Config[name]] }
        values["file"] = Chef::Config[:config_file]
        # In local mode Chef finds the repository from the working directory and only then sets this.
        values["chef_repo_path"] = Chef::Config.configuration[:chef_repo_path]
        values
      end
    end
  end
end
