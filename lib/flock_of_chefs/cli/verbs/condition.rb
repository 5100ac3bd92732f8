# frozen_string_literal: true

require "json"

module FlockOfChefs
  module CLI
    module Verbs
      # What `flockctl wait` waits for on a node.
      #
      # @!attribute [r] question
      #   @return [Proc] takes a node
      # @!attribute [r] expected
      #   @return [Object, nil] nil = any answer but nil and false
      Condition = Struct.new(:question, :expected) do
        # @param text [String] +succeeded+, +api.method+, +api.method=JSON+, +node.path+ or +node.path=JSON+
        # @return [Condition]
        # @raise [ConfigurationError]
        def self.parse(text)
          return new(->(node) { node[:flock_api].state.to_s }, text) if text.match?(/\A[a-z]+\z/)

          name, value = text.split("=", 2)
          api, method = name.split(".", 2)
          raise ConfigurationError, "#{text}: write a state, API.METHOD or node.PATH" if method.to_s.empty?

          new(question(api, method), value && read(value))
        end

        def self.question(api, method)
          return ->(node) { node[:flock_api].node(method) } if api == "node"

          ->(node) { node[api].call(method) }
        end
        private_class_method :question

        # What is no JSON is meant as it stands.
        def self.read(value)
          JSON.parse(value)
        rescue JSON::ParserError
          value
        end
        private_class_method :read

        # @param node [Remote::Node]
        # @return [Boolean]
        # @raise [Error]
        def holds?(node)
          answer = question.call(node)
          expected.nil? ? !!answer : answer == expected
        end
      end
    end
  end
end
