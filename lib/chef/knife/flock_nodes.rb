# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock nodes`, which is `flockctl nodes`.
    class FlockNodes < Knife
      extend FlockOfChefs::Knife

      flock "nodes"
    end
  end
end
