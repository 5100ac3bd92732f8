# frozen_string_literal: true

require_relative "limits"
require_relative "resource_key"
require_relative "targets"

module FlockOfChefs
  module Recipe
    # What one +remote_notifies+ asks for, whoever declares it and whenever it fires. Two equal requests share one
    # proxy, so that Chef de-duplicates their delayed notifications. +remote_subscribes+ is read alike: then the key and
    # the targets are those of the sources, and the action is the subscriber's.
    #
    # @!attribute [r] key
    #   @return [String] the other node's resource, +type[name]+
    # @!attribute [r] action
    #   @return [String] what is run on the target
    # @!attribute [r] targets
    #   @return [Hash{String=>Object}] see {Targets.parse}
    # @!attribute [r] query
    #   @return [String, nil] a Chef search, asked when the notification is sent
    # @!attribute [r] ttl_ms
    #   @return [Integer] how long the notification may wait for its target
    # @!attribute [r] retries
    #   @return [Integer] how often an unknown or failed outcome is run again
    Request = Struct.new(:key, :action, :targets, :query, :ttl_ms, :retries, keyword_init: true) do
      # @param action [Symbol, String]
      # @param spec [String, Hash]
      # @param options [Hash{Symbol=>Object}] the word's options without +timing:+
      # @return [Request]
      # @raise [ArgumentError] what is wrong and what to write instead
      def self.parse(action, spec, options)
        new(action: parse_action(action), key: ResourceKey.parse(spec), targets: Targets.parse(options),
            query: parse_query(options), ttl_ms: parse_ttl(options.fetch(:ttl, Limits::TTL_DEFAULT_S)),
            retries: parse_retries(options.fetch(:retry, 0))).freeze
      end

      class << self
        private

        def parse_action(action)
          text = action.to_s if action.is_a?(Symbol) || action.is_a?(String)
          fits = text && text.bytesize <= Limits::ACTION_BYTES
          return text if fits && text.match?(/\A[a-z_]\w*\z/i) && text != "nothing"

          raise ArgumentError, "#{action.inspect} is not an action that can be run; write one, for example :restart"
        end

        def parse_query(options)
          return unless options.key?(:query)

          query = options[:query]
          return query.dup.freeze if query.is_a?(String) && query.match?(/\S/)

          raise ArgumentError, "query: needs a Chef search, for example 'role:web', not #{query.inspect}"
        end

        def parse_ttl(seconds)
          number = seconds.is_a?(Numeric) && seconds.real? && seconds.finite?
          return (seconds * 1000).round if number && seconds.between?(1, Limits::TTL_MAX_S)

          raise ArgumentError, "ttl: needs seconds from 1 to #{Limits::TTL_MAX_S} (30 days), not #{seconds.inspect}"
        end

        def parse_retries(count)
          return count if count.is_a?(Integer) && count.between?(0, Limits::RETRY_MAX)

          raise ArgumentError, "retry: needs a whole number from 0 to #{Limits::RETRY_MAX}, not #{count.inspect}"
        end
      end

      # @return [String] for people, for example +run execute[x] on bender1+
      def label = "#{action} #{key} on #{audience}"

      private

      def audience
        given = query ? { "query" => query } : {}
        given = given.merge(targets.except("match", "when_none")).reject { |_, value| value.empty? }
        nodes = given.delete("nodes")
        [nodes && shorten(nodes), *given.map { |field, value| "#{field}:#{shorten(Array(value))}" }].compact.join(" ")
      end

      def shorten(names)
        names.size <= 3 ? names.join(",") : "#{names.first(2).join(",")} and #{names.size - 2} more"
      end
    end
  end
end
