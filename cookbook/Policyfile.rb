name 'flock_of_chefs'

default_source :supermarket

run_list 'flock_of_chefs::default'

cookbook 'flock_of_chefs', path: '.'
