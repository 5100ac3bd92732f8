# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock run chef`, which is `flockctl run-chef`.
class Chef::Knife::FlockRunChef < Chef::Knife
  extend FlockOfChefs::Knife

  flock "run-chef"
end
