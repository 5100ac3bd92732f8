# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock restore`, which is `flockctl restore`.
    class FlockRestore < Knife
      extend FlockOfChefs::Knife

      flock "restore"
    end
  end
end
