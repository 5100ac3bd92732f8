# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notifications drop`, which is `flockctl notifications drop`.
    class FlockNotificationsDrop < Knife
      extend FlockOfChefs::Knife

      flock "notifications drop"
    end
  end
end
