# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock node remove`, which is `flockctl node remove`.
class Chef::Knife::FlockNodeRemove < Chef::Knife
  extend FlockOfChefs::Knife

  flock "node remove"
end
