# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock trace`, which is `flockctl trace`.
class Chef::Knife::FlockTrace < Chef::Knife
  extend FlockOfChefs::Knife

  flock "trace"
end
