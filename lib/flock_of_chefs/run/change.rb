# frozen_string_literal: true

require_relative "../recipe/limits"

module FlockOfChefs
  module Run
    # A resource that was really updated, as this node's agent hears of it. Plain data: no property value is in it. The
    # key is the real one also of a sensitive resource, since it never leaves the node.
    module Change
      # @param resource [Chef::Resource]
      # @param action [Symbol, nil]
      # @return [Hash{String=>Object}] as in the journal and in a worker's result
      def self.of(resource, action)
        { "key" => clean(resource.declared_key, Recipe::Limits::KEY_BYTES), "action" => action.to_s,
          "recipe" => clean([resource.cookbook_name, resource.recipe_name].compact.join("::"),
                            Recipe::Limits::SOURCE_BYTES),
          "line" => resource.source_line_number.to_i, "sensitive" => resource.sensitive ? true : false }
      end

      # A resource may be named by a path in any encoding, or by a whole script.
      def self.clean(text, bytes) = text.dup.force_encoding(Encoding::UTF_8).byteslice(0, bytes).scrub("?")

      private_class_method :clean
    end
  end
end
