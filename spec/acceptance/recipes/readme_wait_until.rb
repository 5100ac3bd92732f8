file '/tmp/fubar' do
  action :create
  content 'foobar'
  wait_until do
    FlockOfChefs['bender0'][:flock_api].active
  end
end
