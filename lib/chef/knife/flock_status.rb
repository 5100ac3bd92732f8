# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock status`, which is `flockctl status`.
    class FlockStatus < Knife
      extend FlockOfChefs::Knife

      flock "status"
    end
  end
end
