# frozen_string_literal: true

require_relative "terminal"
require_relative "value"

module FlockOfChefs
  module CLI
    # Rows with a heading, aligned. On a terminal the widest columns are shortened until a line fits; in a pipe nothing
    # is.
    class Table
      # Between two columns.
      GAP = "  "
      # What a column keeps.
      LEAST = 6
      # Columns whose words have colours.
      STATES = %w[state presence level so].freeze

      # @param rows [Array<Hash>]
      # @param columns [Array<String>] keys
      # @param terminal [Terminal]
      def initialize(rows, columns, terminal)
        @columns = columns
        @terminal = terminal
        @cells = [columns.map { |key| heading(key) }] +
                 rows.map { |row| columns.map { |key| Value.text(key, row[key]) } }
      end

      # @return [Array<String>]
      def lines
        widths = fitted(@cells.transpose.map { |column| column.map(&:length).max })
        @cells.each_with_index.map { |line, n| drawn(line, widths, n.zero?).join(GAP).rstrip }
      end

      private

      # Of a time or a duration the cell itself says which.
      def heading(key) = key.delete_suffix("_ms").upcase

      def fitted(widths)
        room = @terminal.width or return widths
        room -= GAP.length * (widths.size - 1)
        widths = narrower(widths) while widths.sum > room && widths.max > LEAST
        widths
      end

      def narrower(widths)
        widest = widths.index(widths.max)
        widths.each_with_index.map { |width, n| n == widest ? width - 1 : width }
      end

      def drawn(line, widths, heading)
        line.each_with_index.map do |cell, n|
          text = shortened(cell, widths[n]).ljust(widths[n])
          !heading && STATES.include?(@columns[n]) ? @terminal.paint(text) : text
        end
      end

      def shortened(cell, width) = cell.length > width ? "#{cell[0, width - 1]}…" : cell
    end
  end
end
