# frozen_string_literal: true

require_relative "flock_of_chefs/version"
require_relative "flock_of_chefs/errors"

# Communication between Chef nodes. Requiring this file defines classes only: no native code is mapped, no thread or
# socket is opened (chef-client's supervisor loads it before it forks).
module FlockOfChefs
  autoload :Native, File.expand_path("flock_of_chefs/native", __dir__)
end
