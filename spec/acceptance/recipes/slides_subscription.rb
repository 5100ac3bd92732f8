file "/opt/test_file" do
  action :nothing
  content 'test'
  remote_subscribes(
    :create, 
    'file[/opt/other_test]', 
    :node => 'node1'
  )
end
