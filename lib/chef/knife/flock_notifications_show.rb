# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock notifications show`, which is `flockctl notifications show`.
class Chef::Knife::FlockNotificationsShow < Chef::Knife
  extend FlockOfChefs::Knife

  flock "notifications show"
end
