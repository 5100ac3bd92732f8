# frozen_string_literal: true

module FlockOfChefs
  module Run
    # The recipes that the run list expanded to. +node["recipes"]+ will not do: it also names recipes that were included
    # on some condition, and to start from them would include them whatever the condition says.
    module RecipeList
      class << self
        # @param node [Chef::Node]
        # @param expansion [#recipes, nil] what Chef's +run_list_expanded+ event carried
        # @return [Array<String>] such as +"cb::default"+
        def recipes(node, expansion)
          names = expansion ? expansion.recipes : expand(node)
          names.map { |name| qualified(name) }
        end

        # @return [Array<String>] what +node["recipes"]+ held before the first recipe was loaded
        def attribute(recipes)
          recipes.flat_map { |name| name.end_with?("::default") ? [name.delete_suffix("::default"), name] : [name] }
        end

        private

        # A run list of recipes needs no look-up; roles must be fetched.
        def expand(node)
          items = node.run_list.run_list_items
          return items.map(&:name) if items.all?(&:recipe?)

          node.run_list.expand(node.chef_environment, Chef::Config[:solo_legacy_mode] ? "disk" : "server").recipes
        end

        def qualified(name)
          name = name.to_s
          name.include?("::") ? name : "#{name}::default"
        end
      end
    end
  end
end
