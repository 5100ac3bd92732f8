require 'chefspec'
require 'flock_of_chefs/chefspec'

RSpec.configure do |config|
  config.platform = 'debian'
  config.log_level = :fatal
end
