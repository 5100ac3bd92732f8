# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock subscriptions list`, which is `flockctl subscriptions list`.
class Chef::Knife::FlockSubscriptionsList < Chef::Knife
  extend FlockOfChefs::Knife

  flock "subscriptions list"
end
