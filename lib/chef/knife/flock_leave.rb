# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock leave`, which is `flockctl leave`.
    class FlockLeave < Knife
      extend FlockOfChefs::Knife

      flock "leave"
    end
  end
end
