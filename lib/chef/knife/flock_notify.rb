# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notify`, which is `flockctl notify`.
class Chef::Knife::FlockNotify < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notify"
end
