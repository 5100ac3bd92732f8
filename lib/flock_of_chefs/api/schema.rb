# frozen_string_literal: true

require "json"
require_relative "../errors"

module FlockOfChefs
  module Api
    # What arguments a method takes, in order: name => type. A type that ends in +?+ may be nil or left out.
    #
    # @example
    #   Schema.new({ planet: "string", limit: "integer?" }).check(["Earth"], "human_api.count")
    class Schema
      # By name.
      TYPES = {
        "string" => [String], "integer" => [Integer], "number" => [Integer, Float],
        "boolean" => [TrueClass, FalseClass], "array" => [Array], "hash" => [Hash], "time" => [Time], "any" => [Object]
      }.freeze

      # @param arguments [Hash{Symbol, String => String}]
      # @raise [ConfigurationError]
      def initialize(arguments)
        @arguments = arguments.to_h { |name, type| [name.to_s, type.to_s] }
        @arguments.each { |name, type| refuse(name, type) unless TYPES.key?(type.delete_suffix("?")) }
      end

      # @param values [Array]
      # @param what [String] for the error
      # @return [void]
      # @raise [ProtocolError] +bad_arguments+
      def check(values, what)
        wrong("#{what} takes #{self}, not #{values.size} arguments") if values.size > @arguments.size
        @arguments.each_with_index do |(name, type), index|
          wrong("#{what}: #{name} is to be #{type}, not #{values[index].class}") unless fits?(values[index], type)
        end
      end

      # @return [String] JSON
      def to_json(*) = JSON.generate(@arguments)

      # @return [String]
      def to_s = "(#{@arguments.map { |name, type| "#{name}: #{type}" }.join(", ")})"

      private

      def fits?(value, type)
        return true if value.nil? && type.end_with?("?")

        TYPES.fetch(type.delete_suffix("?")).any? { |known| value.is_a?(known) }
      end

      def wrong(message) = raise(ProtocolError.new(message, code: "bad_arguments"))

      def refuse(name, type)
        raise ConfigurationError,
              "the schema's #{name} has the type #{type.inspect}; types are #{TYPES.keys.join(", ")}"
      end
    end
  end
end
