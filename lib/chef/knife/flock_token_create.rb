# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock token create`, which is `flockctl token create`.
class Chef::Knife::FlockTokenCreate < Chef::Knife
  extend FlockOfChefs::Knife

  flock "token create"
end
