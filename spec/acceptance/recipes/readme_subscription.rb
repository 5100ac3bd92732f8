# On node bender1
file '/tmp/fubar' do
  action :nothing
  content 'foobar'
  remote_subscribes :create, 'execute[kill all humans]', :node => 'bender0'
end
