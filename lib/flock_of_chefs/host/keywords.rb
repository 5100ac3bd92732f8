# frozen_string_literal: true

module FlockOfChefs
  module Host
    # Calls carry data in order. A method that takes keywords gets those of a hash that comes last.
    module Keywords
      # What a keyword is among a method's parameters.
      KINDS = %i[key keyreq keyrest].freeze

      # @param method [Method, UnboundMethod]
      # @param arguments [Array]
      # @return [Array(Array, Hash)] arguments and keywords
      def self.split(method, arguments)
        takes = method.parameters.any? { |kind, _| KINDS.include?(kind) }
        return [arguments, {}] unless takes && arguments.last.is_a?(Hash)

        [arguments[0...-1], arguments.last.transform_keys(&:to_sym)]
      end
    end
  end
end
