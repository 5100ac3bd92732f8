# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock call`, which is `flockctl call`.
    class FlockCall < Knife
      extend FlockOfChefs::Knife

      flock "call"
    end
  end
end
