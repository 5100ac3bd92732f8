# frozen_string_literal: true

require_relative "flock_of_chefs/version"
require_relative "flock_of_chefs/errors"
require_relative "flock_of_chefs/handles"

# Communication between Chef nodes. Requiring this file defines classes only: no native code is mapped, no thread or
# socket is opened (chef-client's supervisor loads it before it forks).
module FlockOfChefs
  autoload :Native, File.expand_path("flock_of_chefs/native", __dir__)
  autoload :LocalClient, File.expand_path("flock_of_chefs/local_client", __dir__)
  autoload :Remote, File.expand_path("flock_of_chefs/remote", __dir__)
  autoload :Api, File.expand_path("flock_of_chefs/api", __dir__)

  class << self
    # Says that something which an API tells has changed, so that whoever waits for it looks again.
    #
    # @param api [Symbol, String] the API's name
    # @return [void]
    # @raise [ConnectionError] when no agent answers
    # @example in the API
    #   @humans -= 1
    #   FlockOfChefs.changed(:human_api)
    def changed(api) = Api::Registry.announcer.call(api.to_s)
  end
end
