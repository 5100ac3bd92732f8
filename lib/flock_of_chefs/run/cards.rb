# frozen_string_literal: true

require_relative "../recipe/naming"

module FlockOfChefs
  module Run
    # The resources of a run that may be fired later, one small record per key.
    #
    # Keys are Chef's +declared_key+: what the recipe says (+package[vim]+), not the class that it resolved to.
    # Resources inside a custom resource are listed too, flagged +nested+, only so that a refusal can say why.
    module Cards
      # Nested resources beyond this many are not listed; a request for one is then told "absent".
      NESTED_LIMIT = 5_000

      class << self
        # @param run_context [Chef::RunContext] the root context of a finished run
        # @param subscribed [Hash{String=>Array<String>}, nil] actions by key that the run's own subscriptions ask for;
        #   they count as declared
        # @return [Array<Hash>] cards as in cards.json, in the order of declaration, one per key
        def collect(run_context, subscribed: nil)
          roots = root_cards(run_context.root_run_context)
          subscribed&.each { |key, actions| roots[key]["declared_actions"] |= actions if roots.key?(key) }
          nested = nested_resources(run_context).reject { |key, _| roots.key?(key) }.first(NESTED_LIMIT)
          roots.values + nested.map { |_, resource| card(resource, nested: true) }
        end

        private

        def root_cards(run_context)
          run_context.resource_collection.all_resources.each_with_object({}) do |resource, cards|
            next if Recipe::Naming.proxy?(resource)

            key = resource.declared_key
            duplicate = cards.key?(key)
            cards[key] = card(resource, duplicate: duplicate)
          end
        end

        # Chef replaces a sensitive resource in its action collection by an empty one of the same name, without a
        # context: that is how they are told apart here.
        def nested_resources(run_context)
          (run_context.action_collection || []).each_with_object({}) do |record, found|
            resource = record.new_resource
            next if record.nesting_level.zero? || Recipe::Naming.proxy?(resource)

            found[resource.declared_key] ||= resource
          end
        end

        def type(resource) = (resource.declared_type || resource.resource_name).to_s

        def card(resource, duplicate: false, nested: false)
          key = resource.declared_key
          type = type(resource)
          {
            "key" => key, "type" => type, "name" => key.delete_prefix("#{type}[").delete_suffix("]"),
            "sensitive" => sensitive?(resource),
            "cookbook" => resource.cookbook_name&.to_s, "recipe" => resource.recipe_name&.to_s,
            "line" => line(resource),
            "allowed_actions" => strings(resource.allowed_actions), "declared_actions" => strings(resource.action),
            "default_action" => strings(resource.class.default_action),
            "duplicate" => duplicate, "nested" => nested
          }
        end

        def strings(actions) = Array(actions).map(&:to_s)

        def line(resource) = resource.source_line.to_s[/:(\d+)(?::|\z)/, 1]&.to_i

        def sensitive?(resource)
          return true if resource.run_context.nil?
          return false if unset?(resource)

          resource.sensitive ? true : false
        rescue StandardError # a lazy value that cannot be had is no reason to show the name
          true
        end

        # Chef takes 20 microseconds to answer with a default.
        def unset?(resource)
          !resource.instance_variable_defined?(:@sensitive) && resource.method(:sensitive).owner == Chef::Resource
        end
      end
    end
  end
end
