# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock leave`, which is `flockctl leave`.
class Chef::Knife::FlockLeave < Chef::Knife
  extend FlockOfChefs::Knife

  flock "leave"
end
