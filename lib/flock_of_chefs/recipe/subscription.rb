# frozen_string_literal: true

require "digest"
require "json"

module FlockOfChefs
  module Recipe
    # One +remote_subscribes+: when +source_key+ was updated on one of the nodes that +sources+ means, +action+ of the
    # declaring resource is to run here.
    class Subscription
      # @param resource [Chef::Resource] who subscribes
      # @param declaration [Declaration]
      # @param sources [Hash{String=>Object}] which nodes are meant, see {Targets.parse}
      def initialize(resource, declaration, sources)
        @resource = resource
        @request = declaration.request
        @timing = declaration.timing.to_s
        @sources = sources
      end

      # The same declaration has the same id in every run, wherever it stands in the recipes.
      #
      # @return [String] 32 hexadecimal digits
      def id
        Digest::SHA256.hexdigest(JSON.generate(content.values))[0, 32]
      end

      # @return [String] the declaring resource, +type[name]+
      def key = @resource.declared_key

      # @return [String]
      def action = @request.action

      # @return [Hash{String=>Object}] as subscriptions.json has it
      def to_h
        { "id" => id, **content, "recipe" => [@resource.cookbook_name, @resource.recipe_name].compact.join("::"),
          "line" => @resource.source_line_number.to_i }
      end

      private

      def content
        { "source_key" => @request.key, "key" => key, "action" => action, "timing" => @timing, "sources" => @sources,
          "ttl_ms" => @request.ttl_ms, "retry" => @request.retries }
      end
    end
  end
end
