# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notifications drop`, which is `flockctl notifications drop`.
class Chef::Knife::FlockNotificationsDrop < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notifications drop"
end
