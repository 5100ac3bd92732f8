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
    #   @return [String, nil] the key that names a row; nil = it stands for itself
    # @!attribute text
    #   @return [String, nil] what people see instead of a table
    # @!attribute code
    #   @return [Integer] see {ExitCodes}
    # @!attribute failed
    #   @return [Array<String>] of several nodes, those for which it is to be done again
    # @!attribute again
    #   @return [Hash{Symbol=>Object}] options that are others then
    # @!attribute look
    #   @return [Array<String>] where people find out about nodes for which it is not known how it ended
    Result = Struct.new(:data, :columns, :name, :text, :code, :failed, :again, :look, keyword_init: true) do
      def initialize(columns: [], name: "name", code: ExitCodes::DONE, failed: [], again: {}, look: [], **rest) = super

      # @return [Array<Hash>]
      def rows = data.is_a?(Array) ? data : [data]

      # @return [Array<String>] of all rows that have one
      def names = name ? rows.filter_map { |row| row[name]&.to_s } : rows.map { |row| JSON.generate(row) }
    end
  end
end
