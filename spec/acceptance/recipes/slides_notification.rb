file "/opt/other_test" do
  action :create
  content "other test"
  remote_notifies(
    :create, 
    'file[/opt/test_file]', 
    :node => 'node2'
  )
end
