# On node bender0
file '/tmp/fubar' do
  action :create
  content 'foobar'
  remote_notifies :run, 'execute[kill all humans]', :node => 'bender1'
end
