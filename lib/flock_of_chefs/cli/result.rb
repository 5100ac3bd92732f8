# frozen_string_literal: true

module FlockOfChefs
  module CLI
    # What a verb found out, before anybody prints it.
    #
    # @!attribute data
    #   @return [Hash, Array<Hash>] everything, for programs
    # @!attribute columns
    #   @return [Array<String>] the keys that people see of a row; empty = all keys
    # @!attribute name
    #   @return [String] the key that names a row
    # @!attribute text
    #   @return [String, nil] what people see instead of a table
    # @!attribute code
    #   @return [Integer] see {ExitCodes}
    Result = Struct.new(:data, :columns, :name, :text, :code, keyword_init: true) do
      def initialize(columns: [], name: "name", code: ExitCodes::DONE, **rest) = super

      # @return [Array<Hash>]
      def rows = data.is_a?(Array) ? data : [data]
    end
  end
end
