# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock notify`, which is `flockctl notify`.
    class FlockNotify < Knife
      extend FlockOfChefs::Knife

      flock "notify"
    end
  end
end
