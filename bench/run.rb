# frozen_string_literal: true

require "fileutils"
require "json"

require_relative "support/machine"
require_relative "support/options"
require_relative "support/peers"
require_relative "support/publish"
require_relative "support/report"
require_relative "../spec/support/fleet"

# Runs the benches that are named, prints a table, keeps the figures, and publishes them when asked to.
options = Bench::Options.new(ARGV)
$stdout.sync = true

figures = options.rows.flat_map do |row|
  warn "measuring #{row}"
  require_relative row
  Bench.const_get(row.capitalize).new(options).measure.map { |figure| { part: row, **figure } }
end
figures += Bench::Peers.measure(options, figures) if options.rows.include?("notify")

machine = Bench::Machine.describe
puts Bench::Report.new(figures).lines

FileUtils.mkdir_p("bench/results")
file = "bench/results/#{Time.now.strftime("%Y%m%dT%H%M%S")}.json"
File.write(file, JSON.pretty_generate(machine: machine, figures: figures))
warn "figures: #{file}"
Bench::Publish.new(machine, figures).call if options.publish?
