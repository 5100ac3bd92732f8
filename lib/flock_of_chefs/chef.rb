# frozen_string_literal: true

# What a Chef run requires: from client.rb, a file in client.d, or a cookbook's libraries/.
#
#     # client.rb
#     begin
#       require "flock_of_chefs/chef"
#     rescue LoadError
#       nil # the first run, which installs the gem, goes without it
#     end
#
# It gives every resource the words (+remote_notifies+, +remote_subscribes+) and subscribes to the run's events. It maps
# no native code, opens nothing and may be loaded by chef-client's supervisor before it forks, and any number of times.
require "chef/resource"
require "chef/provider"
require "chef/event_dispatch/base"
require_relative "../flock_of_chefs"
require_relative "recipe/install"

FlockOfChefs::Recipe.install
