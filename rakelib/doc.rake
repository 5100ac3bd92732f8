# frozen_string_literal: true

require "open3"
require_relative "../docs/picture"

namespace :doc do
  desc "Draw docs/picture.svg, the README's picture, again"
  task(:picture) { File.write("docs/picture.svg", Picture.new.to_s) }

  desc "Everything public in lib/ is documented, and signatures in sig/ are valid"
  task :check do
    # YARD forgets to require set, which Ruby does by itself from 3.2 on.
    command = %w[ruby -rset -S yard stats --no-cache --no-save --list-undoc --fail-on-warning lib/**/*.rb]
    report, status = Open3.capture2e("bundle", "exec", *command)
    abort report unless status.success? && report.include?("100.00% documented")
    sh "bundle exec rbs -I sig validate", verbose: false
  end
end
