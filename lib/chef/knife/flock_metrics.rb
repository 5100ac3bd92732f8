# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock metrics`, which is `flockctl metrics`.
class Chef::Knife::FlockMetrics < Chef::Knife
  extend FlockOfChefs::Knife

  flock "metrics"
end
