# frozen_string_literal: true

namespace :traps do
  desc "Every trap of spec/traps.md names a spec that names the trap"
  task :check do
    rows = File.readlines("spec/traps.md").filter_map { |line| line.match(/^\| (\d+) \| .* \| (.+?) \|$/) }
    missing = (1..18).to_a - rows.map { |row| row[1].to_i }
    wrong = rows.reject do |row|
      guard = row[2]
      named = /^\s*(?:it|describe|context)\b.*\btrap #{row[1]}\b/
      guard.start_with?("later: ") || (File.exist?(guard) && File.read(guard).match?(named))
    end
    abort "traps without a row: #{missing}" unless missing.empty?
    abort "specs that do not name their trap:\n#{wrong.join("\n")}" unless wrong.empty?
  end
end
