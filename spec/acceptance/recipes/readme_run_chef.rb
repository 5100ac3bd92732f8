FlockOfChefs['bender0'][:flock_api].run_chef
