# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock subscriptions`, which is `flockctl subscriptions`.
class Chef::Knife::FlockSubscriptions < Chef::Knife
  extend FlockOfChefs::Knife

  flock "subscriptions"
end
