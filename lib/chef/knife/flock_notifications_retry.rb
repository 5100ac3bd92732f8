# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notifications retry`, which is `flockctl notifications retry`.
class Chef::Knife::FlockNotificationsRetry < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notifications retry"
end
