# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notifications`, which is `flockctl notifications`.
class Chef::Knife::FlockNotifications < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notifications"
end
