# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock operator remove`, which is `flockctl operator remove`.
class Chef::Knife::FlockOperatorRemove < Chef::Knife
  extend FlockOfChefs::Knife

  flock "operator remove"
end
