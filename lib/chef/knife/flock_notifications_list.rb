# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notifications list`, which is `flockctl notifications list`.
    class FlockNotificationsList < Knife
      extend FlockOfChefs::Knife

      flock "notifications list"
    end
  end
end
