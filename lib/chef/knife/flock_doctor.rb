# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock doctor`, which is `flockctl doctor`.
    class FlockDoctor < Knife
      extend FlockOfChefs::Knife

      flock "doctor"
    end
  end
end
