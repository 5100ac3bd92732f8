# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock join`, which is `flockctl join`.
class Chef::Knife::FlockJoin < Chef::Knife
  extend FlockOfChefs::Knife

  flock "join"
end
