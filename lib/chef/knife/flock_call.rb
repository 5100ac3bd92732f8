# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock call`, which is `flockctl call`.
class Chef::Knife::FlockCall < Chef::Knife
  extend FlockOfChefs::Knife

  flock "call"
end
