# frozen_string_literal: true

module Bench
  # The figures as Markdown, as they stand in docs/performance.md.
  class Report
    COLUMNS = %i[row what ours floor ratio goal].freeze
    TITLES = { floor: "floor or peer, in the same run" }.freeze

    def initialize(figures)
      @figures = figures
    end

    # @return [Array<String>]
    def lines = table + notes

    private

    def table
      rows = @figures.map { |figure| COLUMNS.map { |column| figure.fetch(column) } }
      head = cells(COLUMNS.map { |column| TITLES.fetch(column, column) })
      [head, "|#{"---|" * COLUMNS.length}", *rows.map { |row| cells(row) }]
    end

    def notes
      noted = @figures.select { |figure| figure[:note] }
      noted.empty? ? [] : ["", *noted.map { |figure| "- #{figure[:what]}: #{figure[:note]}" }]
    end

    def cells(row) = "| #{row.join(" | ")} |"
  end
end
