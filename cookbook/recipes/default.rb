#
# Cookbook:: flock_of_chefs
# Recipe:: default
#
# The agent, configured by attributes. Early in the run list, so that the recipes after it have the words in the first run.

flock = node['flock_of_chefs']

unless flock['enabled']
  Chef::Log.warn("flock_of_chefs is not enabled on this node (node['flock_of_chefs']['enabled']): nothing is installed, sent or waited for")
  FlockOfChefsCookbook::Words.turn_off("node['flock_of_chefs']['enabled'] is false")
  return
end

FlockOfChefsCookbook::Requirements.check!

gem_version = flock['gem']['version'] || run_context.cookbook_collection['flock_of_chefs'].version

chef_gem 'flock_of_chefs' do
  version gem_version
  source flock['gem']['source'] if flock['gem']['source']
  clear_sources flock['gem']['clear_sources'] unless flock['gem']['clear_sources'].nil?
  options flock['gem']['options'] if flock['gem']['options']
  compile_time true
  not_if { FlockOfChefsCookbook::FlockGem.installed?(gem_version) }
end

FlockOfChefsCookbook::Words.load(gem_version)

flock_agent 'default' do
  config flock['config']
  data_dir flock['data_dir']
  socket flock['socket']
  listen FlockOfChefsCookbook::Addresses.listen(node)
  advertise FlockOfChefsCookbook::Addresses.advertise(node)
  hub flock['hub']
  found_anew flock['found_anew']
  hubs flock['hubs'].to_a
  tags flock['tags'].to_a
  cloud flock['cloud']
  settings flock['settings'].to_h
  client_d flock['client_d'] if flock['client_d']
  unit_directory flock['unit_directory']
  flockctl flock['flockctl'].to_s
  gem_version gem_version
  gem_source flock['gem']['source']&.then { |source| source.is_a?(String) ? source : source.to_a }
  gem_clear_sources flock['gem']['clear_sources']
  gem_options flock['gem']['options']
end

token = flock['join']

flock_join 'default' do
  join_string token['string']
  file token['file']
  data_bag token['data_bag']
  vault token['vault']
  item token['item']
  key token['key']
  replace token['replace']
  retries token['retries']
  retry_delay token['retry_delay']
  ignore_failure token['ignore_failure']
  only_if { %w(string file data_bag vault).any? { |place| token[place] } }
end
