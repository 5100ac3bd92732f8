# frozen_string_literal: true

module Bench
  # Just enough SVG for bars and one curve, one panel below the other. Readable on light and dark pages.
  class Svg
    WIDTH = 820
    LEFT = 240
    PLOT = WIDTH - LEFT - 90
    BAR = 22
    CURVE = 220
    COLOURS = { "warm" => "#d9730d", "cold" => "#4a7fb5", "peer" => "#8a8a8a" }.freeze

    def initialize
      @parts = []
      @top = 20
    end

    # @param rows [Array<Hash>] label, value and to (both above 0), kind of {COLOURS}; on a logarithmic scale
    def bars(title, rows)
      heading(title)
      low, high = rows.flat_map { |row| row.values_at(:value, :to) }.minmax.map { |value| Math.log10(value) }
      scale = ->(value) { LEFT + (((Math.log10(value) - low.floor) / (high.ceil - low.floor)) * PLOT) }
      grid(low.floor..high.ceil, scale, rows.length * BAR)
      rows.each { |row| bar(row, scale) }
      @top += 40
    end

    # @param points [Array<Array(Integer, Float)>]
    # @param goal [Float] a line to stay below
    def curve(title, points, goal:)
      heading(title)
      highest = [goal, *points.map(&:last)].max * 1.15
      level((@top + CURVE - (goal / highest * CURVE)).round(1))
      placed = place(points, highest)
      line("M#{placed.map { |point| point.join(",") }.join(" L")}", "stroke='#d9730d' stroke-width='2'")
      placed.zip(points) { |(left, top), (count, value)| dot(left, top, "#{count}: #{value.round(1)}") }
      @top += CURVE + 50
    end

    def to_s
      <<~SVG
        <svg xmlns="http://www.w3.org/2000/svg" width="#{WIDTH}" height="#{@top}" viewBox="0 0 #{WIDTH} #{@top}"
             font-family="sans-serif" font-size="12" fill="#808080">
        #{@parts.join("\n")}
        </svg>
      SVG
    end

    private

    def heading(title)
      text(10, @top, title, "font-size='14' font-weight='bold'")
      @top += 24
    end

    def level(top)
      line("M#{LEFT},#{top} h#{PLOT}", "stroke='#b33' stroke-dasharray='4 4'")
      text(LEFT + PLOT + 6, top + 4, "goal")
    end

    # Across on a logarithmic scale, as counts of members are.
    def place(points, highest)
      low, high = points.map { |count, _| Math.log10(count) }.minmax
      points.map do |count, value|
        part = high == low ? 0.5 : (Math.log10(count) - low) / (high - low)
        [(LEFT + (part * (PLOT - 20))).round(1), (@top + CURVE - (value / highest * CURVE)).round(1)]
      end
    end

    def grid(powers, scale, height)
      powers.each do |power|
        x = scale[10**power].round(1)
        line("M#{x},#{@top} v#{height}", "stroke='#888888' stroke-opacity='0.3'")
        text(x, @top + height + 14, (10**power).to_s, "text-anchor='middle'")
      end
    end

    def bar(row, scale)
      from, to = row.values_at(:value, :to).map { |value| scale.call(value).round(1) }
      text(LEFT - 8, @top + 14, row[:label], "text-anchor='end'")
      rectangle(from - LEFT, COLOURS.fetch(row[:kind]))
      line("M#{from},#{@top + (BAR / 2)} H#{to}", "stroke='#{COLOURS.fetch(row[:kind])}' stroke-width='2'")
      text(to + 6, @top + 14, row[:value].round(1).to_s)
      @top += BAR
    end

    def rectangle(width, colour)
      place = "x='#{LEFT}' y='#{@top + 3}' width='#{width.round(1)}' height='#{BAR - 6}'"
      @parts << "<rect #{place} fill='#{colour}'/>"
    end

    def dot(left, top, label)
      @parts << "<circle cx='#{left.round(1)}' cy='#{top.round(1)}' r='4' fill='#d9730d'/>"
      text(left, top - 10, label, "text-anchor='middle'")
    end

    def line(path, style) = @parts << "<path d='#{path}' fill='none' #{style}/>"

    def text(left, top, words, style = "")
      @parts << "<text x='#{left.round(1)}' y='#{top.round(1)}' #{style}>#{escape(words)}</text>"
    end

    def escape(words) = words.gsub("&", "&amp;").gsub("<", "&lt;")
  end
end
