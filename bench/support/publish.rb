# frozen_string_literal: true

require_relative "plot"
require_relative "report"

module Bench
  # Puts the figures of a run into docs/performance.md, between two marks, and draws docs/performance.svg.
  class Publish
    PAGE = "docs/performance.md"
    PLOT = "docs/performance.svg"
    FIGURES = /(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)/m

    def initialize(machine, figures)
      @machine = machine
      @figures = figures
    end

    def call
      page = File.read(PAGE)
      raise "#{PAGE} has no marks for the figures" unless page.match?(FIGURES)

      File.write(PLOT, Plot.new(@figures).to_s)
      File.write(PAGE, page.sub(FIGURES) { text })
    end

    private

    def where
      "Measured #{@machine[:date]} on: #{@machine.values_at(:cpu, :cores).join(", ")} cores, " \
        "#{@machine[:memory_mib]} MiB, Linux #{@machine[:kernel]}, #{@machine[:ruby][/\Aruby \S+/]}, " \
        "#{@machine[:rustc][/\Arustc \S+/]}."
    end

    def text
      [where, "", *Report.new(@figures).lines, "", "![The figures of rows 1 and 9](performance.svg)", ""].join("\n")
    end
  end
end
