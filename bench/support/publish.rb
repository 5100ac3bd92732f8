# frozen_string_literal: true

require_relative "kept"
require_relative "plot"
require_relative "report"

module Bench
  # Adds the figures of a run to docs/performance.json, puts them all into docs/performance.md, between two marks, and
  # draws docs/performance.svg.
  class Publish
    PAGE = "docs/performance.md"
    PLOT = "docs/performance.svg"
    FIGURES = /(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)/m

    def initialize(machine, figures)
      @kept = Kept.read.with(machine, figures)
    end

    def call
      page = File.read(PAGE)
      raise "#{PAGE} has no marks for the figures" unless page.match?(FIGURES)

      @kept.write
      File.write(PLOT, Plot.new(@kept.figures).to_s)
      File.write(PAGE, page.sub(FIGURES) { text })
    end

    private

    def where(machine)
      "Measured #{machine[:date]} on: #{machine.values_at(:cpu, :cores).join(", ")} cores, " \
        "#{machine[:memory_mib]} MiB, Linux #{machine[:kernel]}, #{machine[:ruby][/\Aruby \S+/]}, " \
        "#{machine[:rustc][/\Arustc \S+/]}."
    end

    def text
      [*@kept.machines.values.map { |machine| where(machine) }, "", *Report.new(@kept.figures).lines, "",
       "![The figures of rows 1, 3 and 9](performance.svg)", ""].join("\n")
    end
  end
end
