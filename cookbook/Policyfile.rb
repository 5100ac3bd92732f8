# What Test Kitchen converges.
name 'flock_of_chefs'

default_source :supermarket

run_list 'test::default'

cookbook 'flock_of_chefs', path: '.'
cookbook 'test', path: 'test/cookbooks/test'
