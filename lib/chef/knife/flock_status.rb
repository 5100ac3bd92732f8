# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock status`, which is `flockctl status`.
class Chef::Knife::FlockStatus < Chef::Knife
  extend FlockOfChefs::Knife

  flock "status"
end
