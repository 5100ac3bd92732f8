# frozen_string_literal: true

require_relative "../recipe/declaration"

module FlockOfChefs
  # Support for unit tests of recipes; see +flock_of_chefs/chefspec+.
  module ChefSpec
    # What a resource of a ChefSpec run declares by a remote word.
    #
    # @!attribute [r] word
    #   @return [String] "remote_notifies" or "remote_subscribes"
    # @!attribute [r] by
    #   @return [Chef::Resource] the resource that it stands in
    # @!attribute [r] request
    #   @return [Recipe::Request]
    # @!attribute [r] timing
    #   @return [Symbol] +:before+, +:immediately+ or +:delayed+
    # @!attribute [r] wait
    #   @return [Numeric, nil] seconds that the run waits for the outcome
    # @api private
    Declared = Struct.new(:word, :by, :request, :timing, :wait, keyword_init: true) do
      # @param run_context [Chef::RunContext] of a ChefSpec run
      # @return [Array<Declared>] all that its recipes declare, in their order
      def self.in(run_context)
        run_context.root_run_context.node.run_state[:flock_of_chefs_declared] ||= []
      end

      # @return [Hash{Symbol=>Object}] the options that say which nodes are meant; lists for those that take one
      def nodes
        fields = { **Recipe::Targets::LISTS, **Recipe::Targets::NAMES, query: "query" }
        fields.transform_values { |field| request.targets.fetch(field, "") }.merge(query: request.query.to_s)
              .reject { |_, value| value.empty? }
      end

      # @return [Hash{Symbol=>Object}] the other options
      def options
        { ttl: request.ttl_ms / 1000, retry: request.retries, match: request.targets["match"],
          when_none: request.targets["when_none"], wait: }
      end

      # @return [String] as a failing test shows it
      def to_s = "#{by}: #{word} :#{request.action}, '#{request.key}', #{timing.inspect}, #{nodes.inspect}"
    end

    # Remembers what is declared, since nothing is sent or published in ChefSpec.
    # @api private
    module Recorder
      # @see Recipe::Declaration#initialize
      def initialize(word, resource, *)
        super
        seen = { word: word.name, by: resource, request:, timing:, wait: patience&.limit_s }
        Declared.in(resource.run_context) << Declared.new(**seen)
      end

      private

      # A SoloRunner says that it is the old chef-solo; the recipe is for others, too.
      def check_search(_options) = nil
    end

    Recipe::Declaration.prepend(Recorder)
  end
end
