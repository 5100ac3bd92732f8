# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock doctor`, which is `flockctl doctor`.
class Chef::Knife::FlockDoctor < Chef::Knife
  extend FlockOfChefs::Knife

  flock "doctor"
end
