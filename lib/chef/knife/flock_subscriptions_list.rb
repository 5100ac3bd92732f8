# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock subscriptions list`, which is `flockctl subscriptions list`.
    class FlockSubscriptionsList < Knife
      extend FlockOfChefs::Knife

      flock "subscriptions list"
    end
  end
end
