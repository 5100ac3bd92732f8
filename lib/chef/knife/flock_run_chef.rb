# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock run chef`, which is `flockctl run-chef`.
    class FlockRunChef < Knife
      extend FlockOfChefs::Knife

      flock "run-chef"
    end
  end
end
