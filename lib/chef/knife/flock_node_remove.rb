# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock node remove`, which is `flockctl node remove`.
    class FlockNodeRemove < Knife
      extend FlockOfChefs::Knife

      flock "node remove"
    end
  end
end
