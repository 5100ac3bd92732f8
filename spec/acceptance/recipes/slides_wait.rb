file "/opt/human_flag" do
  action :create
  content '0'
  mode 0600
  wait_until do
    FlockOfChefs[:bender].killed_all_humans?
  end
end
