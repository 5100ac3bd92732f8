# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require "chefspec"
require "flock_of_chefs/chefspec"

RSpec.configure do |config|
  # Else ChefSpec takes the whole repository, with all that was built in it, for the cookbook under test, and reads it.
  config.cookbook_root = Dir.mktmpdir("flock").tap { |dir| at_exit { FileUtils.rm_rf(dir) } }
  config.cookbook_path = config.cookbook_root
  File.write(File.join(config.cookbook_root, "metadata.rb"), "name '#{File.basename(config.cookbook_root)}'\n")
  config.log_level = :fatal
end
