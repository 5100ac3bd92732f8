# frozen_string_literal: true

require_relative "limits"

module FlockOfChefs
  module Recipe
    # What a resource is called where it leaves the run: in drafts, subscriptions and the journal.
    module Naming
      # The type of the resources that only send: others cannot fire them, and they change nothing of the node.
      PROXY = :flock_notification

      module_function

      # @param resource [Chef::Resource]
      # @return [Boolean] whether it is one of ours, that only sends
      def proxy?(resource) = resource.respond_to?(:declared_type) && resource.declared_type.to_s == PROXY.to_s

      # @param resource [Chef::Resource]
      # @return [String] such as +"cb::default"+
      def recipe(resource)
        text([resource.cookbook_name, resource.recipe_name].compact.join("::"), Limits::SOURCE_BYTES)
      end

      # A resource may be named by a path in any encoding, or by a whole script.
      #
      # @param text [String]
      # @param most_bytes [Integer]
      # @return [String] valid UTF-8
      def text(text, most_bytes) = text.dup.force_encoding(Encoding::UTF_8).byteslice(0, most_bytes).scrub("?")

      # @param resource [Chef::Resource]
      # @return [Boolean] true also when its value cannot be had
      def sensitive?(resource)
        resource.sensitive ? true : false
      rescue StandardError
        true
      end
    end
  end
end
