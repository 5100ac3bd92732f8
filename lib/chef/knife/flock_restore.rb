# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock restore`, which is `flockctl restore`.
class Chef::Knife::FlockRestore < Chef::Knife
  extend FlockOfChefs::Knife

  flock "restore"
end
