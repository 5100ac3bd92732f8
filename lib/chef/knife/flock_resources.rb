# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock resources`, which is `flockctl resources`.
    class FlockResources < Knife
      extend FlockOfChefs::Knife

      flock "resources"
    end
  end
end
