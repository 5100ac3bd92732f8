# frozen_string_literal: true

require "json"
require_relative "value"

module FlockOfChefs
  module CLI
    # Writes a {Result} in one of five formats. Data only: talk goes to the standard error.
    #
    #   text    a table, or "key: value" lines
    #   json    one document
    #   yaml    one document
    #   jsonl   one document per row
    #   names   one name per row
    class Output
      # What `--format` takes.
      FORMATS = %w[text json yaml jsonl names].freeze

      # @param format [String] one of {FORMATS}
      # @param out [IO]
      def initialize(format, out)
        @format = format
        @out = out
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
        when "names" then result.rows.map { |row| row[result.name] }
        else text(result)
        end
      end

      # Plain data only, as JSON has it.
      def yaml(data)
        require "yaml"
        YAML.dump(JSON.parse(JSON.generate(data)))
      end

      def text(result)
        return [result.text] if result.text
        return pairs(result.data) if result.data.is_a?(Hash)

        result.data.empty? ? [] : table(result.rows, result.columns)
      end

      def table(rows, columns)
        columns = rows.first.keys if columns.empty?
        align([columns.map(&:upcase)] + rows.map { |row| columns.map { |key| Value.text(key, row[key]) } })
      end

      def align(cells)
        widths = cells.transpose.map { |column| column.map(&:length).max }
        cells.map { |line| line.zip(widths).map { |cell, width| cell.ljust(width) }.join("  ").rstrip }
      end

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
