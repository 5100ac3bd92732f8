# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock init`, which is `flockctl init`.
class Chef::Knife::FlockInit < Chef::Knife
  extend FlockOfChefs::Knife

  flock "init"
end
