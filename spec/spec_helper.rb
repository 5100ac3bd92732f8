# frozen_string_literal: true

require "flock_of_chefs"

# Helpers are in spec/support, one file each; a spec requires those that it uses.
RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  # bin/test --fast; continuous integration runs them.
  config.filter_run_excluding(:slow) if ENV["FLOCK_SKIP_SLOW"] == "1"
  Kernel.srand config.seed
  config.expect_with(:rspec) do |expectations|
    expectations.include_chain_clauses_in_custom_matcher_descriptions = true
    expectations.max_formatted_output_length = 20_000 # a chef-client's log says at its end what was wrong
  end
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
end
