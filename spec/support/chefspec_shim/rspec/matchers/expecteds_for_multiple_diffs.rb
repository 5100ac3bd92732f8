# frozen_string_literal: true

# chefspec 9.3.6 requires this file, which rspec-expectations has renamed. On the load path of ChefSpec's own process
# only.
require "rspec/matchers/multi_matcher_diff"

RSpec::Matchers::ExpectedsForMultipleDiffs = RSpec::Matchers::MultiMatcherDiff
