# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock operators`, which is `flockctl operators`.
class Chef::Knife::FlockOperators < Chef::Knife
  extend FlockOfChefs::Knife

  flock "operators"
end
