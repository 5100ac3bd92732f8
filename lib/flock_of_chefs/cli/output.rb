# frozen_string_literal: true

require "json"
require "yaml"
require_relative "table"
require_relative "terminal"
require_relative "value"

module FlockOfChefs
  module CLI
    # Writes a {Result} in one of five formats. Data only: talk goes to the standard error.
    #
    #   text    a table, or "key: value" lines
    #   json    one document
    #   yaml    one document
    #   jsonl   one JSON document per row
    #   names   one name per row
    class Output
      # What `--format` takes.
      FORMATS = %w[text json yaml jsonl names].freeze

      # @param format [String] one of {FORMATS}
      # @param out [IO]
      # @param terminal [Terminal]
      def initialize(format, out, terminal: Terminal.new(out))
        @format = format
        @out = out
        @terminal = terminal
      end

      # @param result [Result]
      # @return [void]
      def print(result) = lines(result).each { |line| @out.puts(line) }

      private

      def lines(result)
        case @format
        when "json" then [JSON.pretty_generate(result.data)]
        when "yaml" then [yaml(result.data)]
        when "jsonl" then result.rows.map { |row| JSON.generate(row) }
        when "names" then result.names
        else text(result)
        end
      end

      # Only what JSON has, so that both formats say the same.
      def yaml(data) = YAML.dump(JSON.parse(JSON.generate(data)), line_width: -1)

      def text(result)
        return [result.text].reject(&:empty?) if result.text
        return pairs(result.data) if result.data.is_a?(Hash)

        result.data.empty? ? [] : table(result.rows, result.columns)
      end

      def table(rows, columns) = Table.new(rows, columns.empty? ? rows.first.keys : columns, @terminal).lines

      def pairs(hash)
        flat = hash.flat_map do |key, value|
          value.is_a?(Hash) ? value.transform_keys { |inner| "#{key}.#{inner}" }.to_a : [[key, value]]
        end
        width = flat.map { |key, _| key.length }.max.to_i
        flat.map { |key, value| "#{"#{key}:".ljust(width + 1)} #{Value.text(key, value)}" }
      end
    end
  end
end
