# frozen_string_literal: true

module Bench
  # The figures as Markdown, as they stand in docs/performance.md; with dates when they are of several.
  class Report
    COLUMNS = %i[row what ours floor ratio goal].freeze
    TITLES = { floor: "floor or peer, in the same run", date: "measured" }.freeze

    def initialize(figures)
      @figures = figures
      dates = figures.filter_map { |figure| figure[:date] }.uniq
      @columns = dates.length > 1 ? [*COLUMNS, :date] : COLUMNS
    end

    # @return [Array<String>]
    def lines = table + notes

    private

    def table
      rows = @figures.map { |figure| @columns.map { |column| figure.fetch(column) } }
      head = cells(@columns.map { |column| TITLES.fetch(column, column) })
      [head, "|#{"---|" * @columns.length}", *rows.map { |row| cells(row) }]
    end

    def notes
      noted = @figures.select { |figure| figure[:note] }
      noted.empty? ? [] : ["", *noted.map { |figure| "- #{figure[:what]}: #{figure[:note]}" }]
    end

    def cells(row) = "| #{row.join(" | ")} |"
  end
end
