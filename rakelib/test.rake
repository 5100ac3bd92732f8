# frozen_string_literal: true

require "English"

namespace :cargo do
  desc "Rust tests of the crates that need no Ruby"
  task :test do
    runner = system("cargo nextest --version", out: File::NULL, err: File::NULL) ? "nextest run" : "test"
    sh "cargo #{runner} --locked -p flock_core -p flock_agent"
  end
end

desc "Codecs against mutated input: FUZZ_SECONDS in all (60), FUZZ_SEED, FUZZ_TARGET"
task :fuzz do
  sh({ "FUZZ_SECONDS" => ENV.fetch("FUZZ_SECONDS", "60") },
     "cargo test --quiet --locked -p flock_agent --lib codecs_stand -- --nocapture")
end

# Runs RSpecs at the same time, each line of output behind its name. What failed, and why, is told once more at the end,
# where one who reads only that finds it.
module SideBySide
  module_function

  # @param commands [Hash{String=>Array<String>}] by name
  # @return [Hash{String=>Process::Status}] how they ended
  def call(commands)
    $stdout.sync = true # hours of silence are no log
    width = commands.keys.map(&:length).max
    runs = commands.map { |name, command| Thread.new { [name, *run(name.ljust(width), command)] } }.map(&:value)
    tell(runs.map { |name, *how| [name.ljust(width), *how] })
    runs.to_h { |name, status, _| [name, status] }
  end

  # What failed comes last.
  def tell(runs)
    well, badly = runs.partition { |_, status, _| status.success? }
    (well + badly).each do |label, status, summary|
      puts "#{label} | #{summary.last} (exit #{status.exitstatus.inspect})"
    end
    badly.each { |_, _, summary| puts summary }
  end

  # @return [Array(Process::Status, Array<String>)] with what RSpec says from its failures on to its closing line
  def run(label, command)
    said = []
    IO.popen([*command, { err: %i[child out] }]) do |output|
      output.each_line do |line|
        said << line.chomp
        $stdout.write("#{label} | #{line}")
      end
    end
    [$CHILD_STATUS, summary(said)]
  end

  def summary(said)
    closing = said.rindex { |line| line.match?(/\A\d+ examples?, /) }
    return ["no closing line"] unless closing

    failures = said.index { |line| line.match?(/\A(?:Failures:|An error occurred)/) } || closing
    said[failures..closing]
  end
end

namespace :spec do
  { unit: "units, one file per class", native: "the native extension in processes of its own",
    integration: "parts together, by theme", acceptance: "two agents and real chef-client runs" }.each do |kind, what|
    desc "Ruby specs: #{what}"
    task(kind) { sh "bundle exec rspec spec/#{kind}" }
  end
end

desc "All Ruby specs, in two processes: half of their time they wait for processes of their own"
task :spec do
  fleets = %w[spec/acceptance/ spec/integration/enrolment/] # most of the specs that start several agents
  specs = FileList["spec/{unit,native,integration,acceptance}/**/*_spec.rb"] # others are what specs run
  acceptance, parts = specs.partition { |file| file.start_with?(*fleets) }
  command = %w[bundle exec rspec --format documentation]
  statuses = SideBySide.call("acceptance" => command + acceptance, "parts" => command + parts)
  failed = statuses.reject { |_, status| status.success? }.keys
  abort "failed: #{failed.join(", ")}" if failed.any?
end
