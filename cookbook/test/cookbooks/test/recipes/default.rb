#
# Cookbook:: test
# Recipe:: default
#
# A hub that uses each resource once.

# The gem as it was built, before flock_of_chefs::default installs it.
cookbook_file node['flock_of_chefs']['gem']['source'] do
  source 'flock_of_chefs.gem'
  compile_time true
end

include_recipe 'flock_of_chefs'

edit_resource(:flock_agent, 'default') do
  settings 'log' => { 'format' => 'json' }
end

# Nothing to do on a hub, which is in a flock already.
flock_join 'default' do
  file '/etc/flock/token'
end

flock_tag 'kitchen'

flock_allow 'restarts by the load balancers' do
  from 'lb*'
  resource 'service[*]'
  actions %i(restart reload)
end

flock_api 'dish' do
  content <<~RUBY
    class DishApi
      include FlockOfChefs::Api

      api_name :dish
      expose :today

      def today = 'soup'
    end
  RUBY
end

# The words are there in the first run.
file '/var/tmp/flock_present' do
  content lazy { FlockOfChefs.me.presence }
end
