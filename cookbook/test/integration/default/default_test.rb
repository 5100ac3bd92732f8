describe service('flock-agent') do
  it { should be_enabled }
  it { should be_running }
end

describe file('/etc/flock/agent.toml') do
  its('mode') { should cmp '0600' }
end

describe port(22222) do
  it { should be_listening }
end
