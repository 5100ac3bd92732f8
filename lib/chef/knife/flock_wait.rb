# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock wait`, which is `flockctl wait`.
    class FlockWait < Knife
      extend FlockOfChefs::Knife

      flock "wait"
    end
  end
end
