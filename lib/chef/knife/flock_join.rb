# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock join`, which is `flockctl join`.
    class FlockJoin < Knife
      extend FlockOfChefs::Knife

      flock "join"
    end
  end
end
