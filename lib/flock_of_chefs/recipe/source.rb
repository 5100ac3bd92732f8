# frozen_string_literal: true

require "digest"
require "chef/request_id"
require_relative "limits"
require_relative "naming"

module FlockOfChefs
  module Recipe
    # A resource whose update caused a notification. Plain data: no property value is in it.
    #
    # @!attribute [r] ignore_failure
    #   @return [Boolean, Symbol] the resource's own; it also holds for what cannot be handed over because of it
    # @!attribute [r] patience
    #   @return [Patience, nil] how long its declaration has the run wait
    Source = Struct.new(:key, :action, :recipe, :line, :run_id, :ignore_failure, :patience, keyword_init: true) do
      # @param resource [Chef::Resource]
      # @param action [Symbol, nil]
      # @param patience [Patience, nil]
      # @return [Source]
      def self.of(resource, action, patience = nil)
        new(key: shown_key(resource), action: action.to_s, recipe: Naming.recipe(resource),
            line: resource.source_line_number.to_i, run_id: ::Chef::RequestID.instance.request_id,
            ignore_failure: resource.ignore_failure || false, patience:).freeze
      end

      # @return [String] the resource's key; the name of a sensitive one is hashed
      def self.shown_key(resource)
        return Naming.text(resource.declared_key, Limits::SOURCE_BYTES) unless resource.sensitive

        type = resource.declared_type || resource.resource_name
        %(#{type}["sha256:#{Digest::SHA256.hexdigest(resource.name.to_s)[0, 16]}"])
      end

      # @return [Hash{String=>Object}] for the draft
      def to_draft = { "key" => key, "action" => action, "recipe" => recipe, "line" => line, "run_id" => run_id }
    end
  end
end
