# frozen_string_literal: true

require "digest"
require "json"
require_relative "limits"
require_relative "naming"

module FlockOfChefs
  module Recipe
    # What one +remote_subscribes+ asks for: when +source_key+ was updated on one of +sources+, +key+ of this node runs
    # +action+. Plain data; no property value is in it.
    #
    # @!attribute [r] source_key
    #   @return [String] the resource of the other node
    # @!attribute [r] key
    #   @return [String] the subscribing resource, +type[name]+
    # @!attribute [r] action
    #   @return [String] of the subscribing resource
    # @!attribute [r] timing
    #   @return [String] "immediately" or "delayed"
    # @!attribute [r] sources
    #   @return [Hash{String=>Object}] which nodes are meant, as Targets without match and when_none
    # @!attribute [r] ttl_ms
    #   @return [Integer] how long a notification of it may wait for this node
    # @!attribute [r] retries
    #   @return [Integer] how often an unknown or failed outcome is run again
    # @!attribute [r] recipe
    #   @return [String] for people
    # @!attribute [r] line
    #   @return [Integer] the resource's, for people
    Subscription = Struct.new(:source_key, :key, :action, :timing, :sources, :ttl_ms, :retries, :recipe, :line,
                              keyword_init: true) do
      class << self
        # @param declaration [Declaration]
        # @param resource [Chef::Resource] who subscribes
        # @return [Subscription]
        # @raise [ArgumentError] if that resource cannot be fired so
        def of(declaration, resource)
          request = declaration.request
          new(source_key: utf8(request.key), key: key_of(resource), action: checked_action(request.action, resource),
              timing: declaration.timing.to_s, sources: request.targets.except("match", "when_none"),
              ttl_ms: request.ttl_ms, retries: request.retries, recipe: Naming.recipe(resource),
              line: resource.source_line_number.to_i).freeze
        end

        private

        def key_of(resource)
          refuse_nested(resource)
          type = (resource.declared_type || resource.resource_name).to_s
          raise ArgumentError, "#{type} is no type that others can name" unless type.match?(/\A[A-Za-z0-9_]+\z/)

          key = utf8(resource.declared_key)
          return key if key.bytesize <= Limits::KEY_BYTES

          raise ArgumentError, "its own name has #{key.bytesize} bytes; at most #{Limits::KEY_BYTES} are possible"
        end

        def utf8(key)
          text = key.encode(Encoding::UTF_8)
          return -text if text.valid_encoding?

          raise EncodingError
        rescue EncodingError
          raise ArgumentError, "the name in #{key.inspect} is no UTF-8, so that it cannot be asked for by name"
        end

        # The worker compiles recipes; what a custom resource's action declares is not there.
        def refuse_nested(resource)
          return unless resource.run_context&.parent_run_context

          raise ArgumentError, "it is declared inside a custom resource, where nothing can be run from outside; " \
                               "write remote_subscribes on the custom resource itself"
        end

        def checked_action(action, resource)
          allowed = resource.allowed_actions.map(&:to_s) - ["nothing"]
          return action if allowed.include?(action)

          raise ArgumentError, "#{resource.declared_type || resource.resource_name} has no action :#{action}; it has " \
                               "#{allowed.map { |name| ":#{name}" }.join(", ")}"
        end
      end

      # Equal declarations are one subscription, wherever they stand.
      #
      # @return [String] 32 hex digits
      def id = Digest::SHA256.hexdigest(JSON.generate(canonical))[0, 32]

      # @return [Hash{String=>Object}] its entry in subscriptions.json
      def to_entry
        { "id" => id, "source_key" => source_key, "key" => key, "action" => action, "timing" => timing,
          "sources" => sources, "ttl_ms" => ttl_ms, "retry" => retries, "recipe" => recipe, "line" => line }
      end

      private

      def canonical = [source_key, key, action, timing, sources.sort.to_h, ttl_ms, retries]
    end
  end
end
