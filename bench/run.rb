# frozen_string_literal: true

require "fileutils"
require "json"

require_relative "support/machine"
require_relative "../spec/support/fleet"

# Runs the benches that are named, prints a table and keeps the figures.
ROWS = %w[append cold converge rest require].freeze
chosen = ARGV.empty? ? ROWS : ARGV
unknown = chosen - ROWS
abort "unknown: #{unknown.join(", ")}; there are #{ROWS.join(", ")}" unless unknown.empty?

figures = chosen.flat_map do |row|
  warn "measuring #{row}"
  require_relative row
  Bench.const_get(row.capitalize).new.measure
end

columns = %w[row what ours floor ratio goal]
table = figures.map { |figure| columns.map { |column| figure.fetch(column.to_sym).to_s } }
puts "| #{columns.join(" | ")} |", "|#{"---|" * columns.length}"
table.each { |cells| puts "| #{cells.join(" | ")} |" }

FileUtils.mkdir_p("bench/results")
file = "bench/results/#{Time.now.strftime("%Y%m%dT%H%M%S")}.json"
File.write(file, JSON.pretty_generate(machine: Bench::Machine.describe, figures: figures))
warn "figures: #{file}"
