# frozen_string_literal: true

namespace :cargo do
  desc "Rust tests of the crates that need no Ruby"
  task :test do
    runner = system("cargo nextest --version", out: File::NULL, err: File::NULL) ? "nextest run" : "test"
    sh "cargo #{runner} --locked -p flock_core -p flock_agent"
  end
end

namespace :spec do
  { unit: "units, one file per class", native: "the native extension in processes of its own",
    integration: "parts together, by theme", acceptance: "two agents and real chef-client runs" }.each do |kind, what|
    desc "Ruby specs: #{what}"
    task(kind) { sh "bundle exec rspec spec/#{kind}" }
  end
end

desc "All Ruby specs"
task(:spec) { sh "bundle exec rspec" }
