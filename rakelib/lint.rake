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

  # The recipes in spec/acceptance/recipes are verbatim those of the seed documents, with their style. Without --config
  # the root's Exclude holds, and cookstyle ends well having looked at nothing.
  desc "The cookbook: cookstyle"
  task :cookbook do
    command = %w[bundle exec cookstyle --config cookbook/.rubocop.yml]
    sh(*command, "--format", "quiet", "cookbook")
    looked_at = IO.popen([*command, "--list-target-files", "cookbook"], &:readlines)
    abort "cookstyle looks at no resources" if looked_at.grep(%r{cookbook/resources/}).empty?
  end
end

desc "All style checks"
task lint: %w[lint:rust lint:ruby lint:cookbook]
