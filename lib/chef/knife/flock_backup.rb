# frozen_string_literal: true

require "chef/knife"
require_relative "../../flock_of_chefs/knife"

class Chef
  class Knife
    # `knife flock backup`, which is `flockctl backup`.
    class FlockBackup < Knife
      extend FlockOfChefs::Knife

      flock "backup"
    end
  end
end
