# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock why`, which is `flockctl why`.
class Chef::Knife::FlockWhy < Chef::Knife
  extend FlockOfChefs::Knife

  flock "why"
end
