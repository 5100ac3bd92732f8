# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notifications list`, which is `flockctl notifications list`.
class Chef::Knife::FlockNotificationsList < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notifications list"
end
