# frozen_string_literal: true

require "open3"
require_relative "../docs/picture"

namespace :doc do
  desc "Draw docs/picture.svg, the README's picture, again"
  task(:picture) { File.write("docs/picture.svg", Picture.new.to_s) }

  desc "Everything in lib/ is documented, and what is documented is there; signatures in sig/ are valid"
  task :check do
    # YARD forgets to require set, which Ruby does by itself from 3.2 on.
    command = %w[ruby -rset -S yard stats --no-cache --no-save --list-undoc --fail-on-warning lib/**/*.rb]
    report, status = Open3.capture2e("bundle", "exec", *command)
    abort report unless status.success? && report.include?("100.00% documented")
    sh "bundle exec rbs -I sig validate", verbose: false

    require_relative "doc/signatures"
    { "documented, but not there" => Documentation.stale, "links that lead nowhere" => Documentation.broken,
      "methods of the extension without documentation" => Documentation.undocumented_native }.each do |what, found|
      abort "#{what}:\n  #{found.join("\n  ")}" if found.any?
    end
  end

  desc "The API as web pages in doc/"
  task :html do
    sh "bundle exec ruby -rset -S yard doc --quiet --hide-api private --output-dir doc lib/**/*.rb"
  end
end
