#
# Cookbook:: flock_of_chefs
# Recipe:: default
#
# Lets every later run of chef-client load the words, before any cookbook is looked at.

directory Chef::Config[:client_d_dir] do
  recursive true
end

file ::File.join(Chef::Config[:client_d_dir], 'flock_of_chefs.rb') do
  content <<~CONTENT
    # Written by the cookbook flock_of_chefs.
    begin
      require 'flock_of_chefs/chef'
    rescue LoadError
      nil # the next run that has the cookbook installs the gem
    end
  CONTENT
  mode '0644'
end
