describe service('flock-agent') do
  it { should be_enabled }
  it { should be_running }
end

describe file('/etc/flock/agent.toml') do
  its('mode') { should cmp '0600' }
  its('content') { should match(/^tags = \["kitchen"\]$/) }
  its('content') { should match(/^from = "lb\*"$/) }
  its('content') { should_not match(/nobody yet/) }
end

describe port(22222) do
  it { should be_listening }
end

describe command('/usr/local/bin/flockctl nodes --format names') do
  its('exit_status') { should eq 0 }
end

describe command('/usr/local/bin/flockctl call "$(/usr/local/bin/flockctl nodes --format names)" dish today') do
  its('stdout') { should match(/soup/) }
end

describe file('/var/tmp/flock_present') do
  its('content') { should eq 'alive' }
end
