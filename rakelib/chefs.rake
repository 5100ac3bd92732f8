# frozen_string_literal: true

namespace :spec do
  desc "The README's recipes with the other Chefs that are supported (all of acceptance: bin/test --chef 19)"
  task :chefs do
    specs = %w[bundle exec rspec --format documentation --tag readme spec/acceptance/notifies_spec.rb
               spec/acceptance/subscribes_spec.rb]
    majors = Dir["gemfiles/chef_*.gemfile"].map { |file| file[/\d+/] }.sort - ["18"]
    statuses = Bundler.with_original_env do
      SideBySide.call(majors.to_h { |major| ["Chef #{major}", ["bin/lib/with_chef", major] + specs] })
    end
    failed = statuses.reject { |_, status| status.success? }.keys
    abort "failed: #{failed.join(", ")}" if failed.any?
  end
end
