# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock wait`, which is `flockctl wait`.
class Chef::Knife::FlockWait < Chef::Knife
  extend FlockOfChefs::Knife

  flock "wait"
end
