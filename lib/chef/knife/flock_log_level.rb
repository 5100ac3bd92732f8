# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

# `knife flock log-level`, which is `flockctl log-level`.
class Chef::Knife::FlockLogLevel < Chef::Knife
  extend FlockOfChefs::Knife

  flock "log-level"
end
