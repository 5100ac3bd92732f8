require 'chefspec'

describe 'flock_of_chefs::default' do
  let(:chef_run) do
    runner = ChefSpec::SoloRunner.new(platform: 'debian')
    Chef::Config[:client_d_dir] = '/etc/chef/client.d'
    runner.converge(described_recipe)
  end

  it 'has later runs load the words' do
    expect(chef_run).to create_directory('/etc/chef/client.d').with(recursive: true)
    expect(chef_run).to create_file('/etc/chef/client.d/flock_of_chefs.rb')
      .with(mode: '0644', content: %r{require 'flock_of_chefs/chef'\nrescue LoadError})
  end
end
