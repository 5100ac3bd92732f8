# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notifications retry`, which is `flockctl notifications retry`.
    class FlockNotificationsRetry < Knife
      extend FlockOfChefs::Knife

      flock "notifications retry"
    end
  end
end
