# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notifications show`, which is `flockctl notifications show`.
    class FlockNotificationsShow < Knife
      extend FlockOfChefs::Knife

      flock "notifications show"
    end
  end
end
