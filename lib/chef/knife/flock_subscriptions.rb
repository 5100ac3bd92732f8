# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock subscriptions`, which is `flockctl subscriptions`.
    class FlockSubscriptions < Knife
      extend FlockOfChefs::Knife

      flock "subscriptions"
    end
  end
end
