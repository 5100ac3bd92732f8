# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock nodes`, which is `flockctl nodes`.
class Chef::Knife::FlockNodes < Chef::Knife
  extend FlockOfChefs::Knife

  flock "nodes"
end
