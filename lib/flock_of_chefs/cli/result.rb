# frozen_string_literal: true

require "json"

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
    # @!attribute failed
    #   @return [Array<String>] of several nodes, those for which it is to be done again
    Result = Struct.new(:data, :columns, :name, :text, :code, :failed, keyword_init: true) do
      def initialize(columns: [], name: "name", code: ExitCodes::DONE, failed: [], **rest) = super

      # @return [Array<Hash>]
      def rows = data.is_a?(Array) ? data : [data]

      # @return [Array<String>] of all rows; what has no name stands for itself
      def names = rows.map { |row| row.is_a?(Hash) && row.key?(name) ? row[name].to_s : JSON.generate(row) }
    end
  end
end
