require 'spec_helper'

describe 'flock_of_chefs::default' do
  let(:installed) { true }
  let(:flock) { {} }
  let(:runner) do
    ChefSpec::SoloRunner.new do |node|
      flock.each { |name, value| node.override['flock_of_chefs'][name] = value }
      node.automatic['network']['interfaces']['eth1']['addresses'] = {
        'fe80::1' => { 'family' => 'inet6', 'scope' => 'Link' }, '192.0.2.7' => { 'family' => 'inet' }
      }
    end
  end
  let(:chef_run) { runner.converge(described_recipe) }

  # The library is loaded by the converge.
  before do
    spec = installed ? Gem::Specification.new('flock_of_chefs', '0.1.0') : nil
    allow(Gem::Specification).to receive(:find_by_name).and_call_original
    allow(Gem::Specification).to receive(:find_by_name).with('flock_of_chefs', any_args) do
      spec || raise(Gem::MissingSpecError.new('flock_of_chefs', '>= 0'))
    end
  end

  it 'has an agent listen where the 2012 attributes say by default' do
    expect(chef_run).to create_flock_agent('default').with(
      listen: '0.0.0.0:22222', advertise: "#{chef_run.node['ipaddress']}:22222", config: '/etc/flock/agent.toml',
      gem_version: '0.1.0', unit_directory: '/etc/systemd/system'
    )
    expect(chef_run).to enable_flock_agent('default')
    expect(chef_run).to start_flock_agent('default')
  end

  it 'leaves the gem alone where it is installed' do
    expect(chef_run).not_to install_chef_gem('flock_of_chefs')
  end

  it 'joins nothing without a token' do
    expect(chef_run).not_to join_flock_join('default')
  end

  context 'without the gem' do
    let(:installed) { false }
    let(:flock) { { 'gem' => { 'source' => 'https://gems.example.com', 'clear_sources' => true } } }

    it 'installs it at compile time, in the version of the cookbook, from the source that is configured' do
      expect(chef_run).to install_chef_gem('flock_of_chefs').at_compile_time
                                                            .with(version: '0.1.0', source: 'https://gems.example.com', clear_sources: true)
    end
  end

  context 'with a network device' do
    let(:flock) { { 'port' => '4711', 'bind_addr' => { 'device' => 'eth1', 'ip_address' => '192.0.2.1' } } }

    it 'listens there' do
      expect(chef_run).to create_flock_agent('default').with(listen: '192.0.2.7:4711', advertise: '192.0.2.7:4711')
    end
  end

  context 'with a device that is not there' do
    let(:flock) { { 'bind_addr' => { 'device' => 'eth9' } } }

    it 'names those that are' do
      expect { chef_run }.to raise_error(/bind_addr.device is "eth9", which this node does not have; it has .*eth1/)
    end
  end

  context 'with an IPv6 address' do
    let(:flock) { { 'bind_addr' => { 'ip_address' => '2001:db8::7' } } }

    it 'brackets it' do
      expect(chef_run).to create_flock_agent('default').with(listen: '[2001:db8::7]:22222', advertise: '[2001:db8::7]:22222')
    end
  end

  context 'dialling out only' do
    let(:flock) { { 'dial_out_only' => true } }

    it 'opens no port' do
      expect(chef_run).to create_flock_agent('default').with(listen: '', advertise: nil)
    end
  end

  context 'with a token in a vault' do
    let(:flock) { { 'join' => { 'vault' => 'flock' } } }

    it 'joins' do
      expect(chef_run).to join_flock_join('default').with(vault: 'flock', item: 'join', key: 'token')
    end
  end

  context 'with a join that may fail' do
    let(:flock) { { 'join' => { 'file' => '/token', 'retries' => 3, 'retry_delay' => 20, 'ignore_failure' => true } } }

    it 'tries again, and goes on without' do
      expect(chef_run).to join_flock_join('default').with(retries: 3, retry_delay: 20, ignore_failure: true)
    end
  end

  context 'in the Ruby of an older package of Chef' do
    it 'says which one it needs, and what to do' do
      stub_const('RUBY_VERSION', '3.0.6')
      expect { chef_run }.to raise_error(/needs Ruby 3.1 or newer, and this .* #{Chef::VERSION} runs in Ruby 3.0.6.* upgrade it .*'enabled'/)
    end
  end

  context 'not enabled' do
    let(:flock) { { 'enabled' => false } }
    let(:installed) { false }

    it 'does nothing but say so' do
      expect(Chef::Log).to receive(:warn).with(/not enabled on this node/).once
      allow(Chef::Log).to receive(:warn).with(/deprecat/)
      expect(chef_run.resource_collection.to_a).to be_empty
    ensure
      # The words are off for the rest of the process, which is a run's where it is not a test's.
      FlockOfChefsCookbook::Words.load
    end
  end
end
