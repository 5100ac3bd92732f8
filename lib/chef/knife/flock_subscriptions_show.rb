# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock subscriptions show`, which is `flockctl subscriptions show`.
class Chef::Knife::FlockSubscriptionsShow < Chef::Knife
  extend FlockOfChefs::Knife

  flock "subscriptions show"
end
