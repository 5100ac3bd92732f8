# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock config check`, which is `flockctl config check`.
class Chef::Knife::FlockConfigCheck < Chef::Knife
  extend FlockOfChefs::Knife

  flock "config check"
end
