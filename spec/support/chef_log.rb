# frozen_string_literal: true

require "stringio"
require "chef/log"

# Catches what Chef logs.
module ChefLog
  # @return [String] what the block logged, from level +level+ on
  def chef_log(level = :info)
    out = StringIO.new
    Chef::Log.init(out)
    Chef::Log.level = level
    yield
    out.string
  ensure
    Chef::Log.init(File::NULL)
  end
end
