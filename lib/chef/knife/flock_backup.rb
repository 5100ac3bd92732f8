# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock backup`, which is `flockctl backup`.
class Chef::Knife::FlockBackup < Chef::Knife
  extend FlockOfChefs::Knife

  flock "backup"
end
