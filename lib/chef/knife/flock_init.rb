# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock init`, which is `flockctl init`.
    class FlockInit < Knife
      extend FlockOfChefs::Knife

      flock "init"
    end
  end
end
