# frozen_string_literal: true

# What specs need beside Chef, and no more: tools of development hold versions that other Chefs do not take.
source Gem.sources.to_a.first

gemspec path: ".."

gem "rspec", "~> 3.12"

# @param major [Integer]
def chef(major)
  gem "chef", "~> #{major}.0"
  gem "chef-bin", "~> #{major}.0"
end
