# frozen_string_literal: true

require "digest"
require_relative "../recipe/limits"
require_relative "../recipe/naming"

module FlockOfChefs
  module Run
    # One real update of a resource, as the journal and a worker's result tell it. It stays on this node: the key is the
    # real one even of a sensitive resource.
    #
    # @!attribute [r] key
    #   @return [String] the declared key, +type[name]+
    # @!attribute [r] action
    #   @return [String]
    # @!attribute [r] recipe
    #   @return [String] such as +"cb::default"+
    # @!attribute [r] line
    #   @return [Integer]
    # @!attribute [r] sensitive
    #   @return [Boolean] whether the name must not leave the node
    Change = Struct.new(:key, :action, :recipe, :line, :sensitive, keyword_init: true) do
      # @param resource [Chef::Resource]
      # @param action [Symbol]
      # @return [Change, nil] nil when the key is so long that nobody can subscribe to it
      def self.of(resource, action)
        key = resource.declared_key
        return if key.bytesize > Recipe::Limits::KEY_BYTES

        new(key: Recipe::Naming.text(key, Recipe::Limits::KEY_BYTES), action: action.to_s,
            recipe: Recipe::Naming.recipe(resource), line: resource.source_line_number.to_i,
            sensitive: Recipe::Naming.sensitive?(resource)).freeze
      end

      # @return [Array<String>] the keys by which others may subscribe to it: that of a sensitive resource also as they
      #   are shown it
      def keys = sensitive ? [key, hashed_key] : [key]

      # @return [Hash{String=>Object}]
      def to_entry = to_h.transform_keys(&:to_s)

      private

      def hashed_key
        type, name = key.delete_suffix("]").split("[", 2)
        %(#{type}["sha256:#{Digest::SHA256.hexdigest(name)[0, 16]}"])
      end
    end
  end
end
