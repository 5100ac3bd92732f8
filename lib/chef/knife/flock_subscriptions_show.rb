# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock subscriptions show`, which is `flockctl subscriptions show`.
    class FlockSubscriptionsShow < Knife
      extend FlockOfChefs::Knife

      flock "subscriptions show"
    end
  end
end
