# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock resources`, which is `flockctl resources`.
class Chef::Knife::FlockResources < Chef::Knife
  extend FlockOfChefs::Knife

  flock "resources"
end
