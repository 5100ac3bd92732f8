# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock token create`, which is `flockctl token create`.
    class FlockTokenCreate < Knife
      extend FlockOfChefs::Knife

      flock "token create"
    end
  end
end
