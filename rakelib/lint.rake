# frozen_string_literal: true

namespace :lint do
  desc "Rust: formatting and clippy, warnings are errors"
  task :rust do
    sh "cargo fmt --all --check"
    sh "cargo fmt --check --manifest-path #{Simulation::MANIFEST}"
    sh "cargo clippy --quiet --workspace --all-targets --features flock_of_chefs/testing -- -D warnings"
    sh "cargo clippy --quiet -p flock_agent --features planted -- -D warnings"
    Simulation.cargo("clippy", "--all-targets", "--", "-D", "warnings")
  end

  desc "Ruby: rubocop"
  task :ruby do
    sh "bundle exec rubocop --format quiet"
  end

  # The recipes in spec/acceptance/recipes are verbatim those of the seed documents, with their style.
  desc "The cookbook: cookstyle"
  task :cookbook do
    sh "bundle exec cookstyle --format quiet cookbook"
  end
end

desc "All style checks"
task lint: %w[lint:rust lint:ruby lint:cookbook]
