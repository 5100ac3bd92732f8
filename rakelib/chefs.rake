# frozen_string_literal: true

namespace :spec do
  desc "The README's recipes with the other Chefs that are supported (all of acceptance: bin/test --chef 19)"
  task :chefs do
    majors = Dir["gemfiles/chef_*.gemfile"].map { |file| file[/\d+/] }.sort - ["18"]
    statuses = Bundler.with_original_env do
      SideBySide.call(majors.to_h do |major|
        ["Chef #{major}", ["bin/lib/with_chef", major, *%w[bundle exec rspec --format documentation --tag readme],
                           *%w[notifies subscribes].map { |word| "spec/acceptance/#{word}_spec.rb" }]]
      end)
    end
    failed = statuses.reject { |_, status| status.success? }.keys
    abort "failed: #{failed.join(", ")}" if failed.any?
  end
end
