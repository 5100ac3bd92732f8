name 'flock_of_chefs'
maintainer 'The flock_of_chefs developers'
license 'Apache-2.0'
description 'Installs and configures the agent of flock_of_chefs, and gives recipes its words: notifications, subscriptions, calls and waits between nodes'
version '0.1.0'
source_url 'https://github.com/chrisroberts/flock_of_chefs'
issues_url 'https://github.com/chrisroberts/flock_of_chefs/issues'
chef_version '>= 16.0'

%w(almalinux amazon centos debian fedora opensuseleap oracle redhat rocky suse ubuntu).each { |platform| supports platform }
