# The words in the run that installs the gem; later runs have them from client.d, for every cookbook and the whole run.
begin
  require 'flock_of_chefs/chef'
rescue LoadError => e
  Chef::Log.warn("flock_of_chefs: recipes have no remote words in this run: #{e.message}")
end
