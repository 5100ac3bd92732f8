# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notifications`, which is `flockctl notifications`.
    class FlockNotifications < Knife
      extend FlockOfChefs::Knife

      flock "notifications"
    end
  end
end
