# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock operator remove`, which is `flockctl operator remove`.
    class FlockOperatorRemove < Knife
      extend FlockOfChefs::Knife

      flock "operator remove"
    end
  end
end
