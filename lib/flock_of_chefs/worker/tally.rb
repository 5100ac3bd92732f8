# frozen_string_literal: true

require_relative "../recipe/naming"

module FlockOfChefs
  module Worker
    # Listens to the action: which resources were updated, which failed.
    class Tally
      # @return [Array<Chef::Resource>] those that failed, innermost first
      attr_reader :failed
      # @return [Exception, nil] the first error of a resource; ignore_failure may have swallowed it
      attr_reader :first_error

      def initialize
        @updated = {}.compare_by_identity
        @failed = []
      end

      # Chef says this in its dry pass for before-notifications, too.
      def resource_updated(resource, _action)
        @updated[resource] = true unless Chef::Config[:why_run] || Recipe::Naming.proxy?(resource)
      end

      # @return [void]
      def resource_failed(resource, _action, error)
        @first_error ||= error
        @failed << resource
      end

      # @return [Integer]
      def count = @updated.size

      # @return [Boolean]
      def updated?(resource) = @updated.key?(resource)
    end
  end
end
