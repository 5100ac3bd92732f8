require 'spec_helper'
require_relative 'with_the_gem'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::resources' do
  include_context 'with the gem'
  step_into :flock_agent, :flock_join, :flock_allow, :flock_tag, :flock_api

  describe 'flock_agent' do
    context 'with defaults' do
      recipe { flock_agent 'default' }

      it 'writes agent.toml for root only, now where there is none and at the end of the run' do
        expect(chef_run).to create_if_missing_file('/etc/flock/agent.toml').with(mode: '0600', sensitive: true)
        expect(toml).to include(%(name = "#{chef_run.node.name}"\ndata_dir = "/var/lib/flock"\n), %([chef]\nconfig = ))
        expect(toml).not_to match(/registry|allow|tags|advertise/)
      end

      it 'has later runs load the words' do
        expect(chef_run).to create_file(%r{client.d/flock_of_chefs.rb\z})
          .with(mode: '0644', content: %r{\A# Written by.*\nbegin\n  gem 'flock_of_chefs', "0.1.0"\n  require 'flock_of_chefs/chef'\nrescue LoadError})
      end

      it 'writes a unit that runs this Ruby and gem, and whose stop ends no worker' do
        unit = chef_run.file('/etc/systemd/system/flock-agent.service')
        expect(unit.content).to include(
          "ExecStart=#{RbConfig.ruby} -I", 'flockctl agent --config /etc/flock/agent.toml', 'KillMode=process', 'Type=notify',
          'OOMPolicy=continue', 'RuntimeDirectory=flock', "Environment=GEM_HOME=#{Gem.dir}"
        )
        expect(unit).to notify('execute[systemctl daemon-reload for flock-agent.service]').to(:run).immediately
      end

      it 'puts flockctl where people find it' do
        expect(chef_run).to create_file('/usr/local/bin/flockctl').with(mode: '0755', content: /^exec \S*ruby\S* -I.*flockctl "\$@"$/)
        expect(chef_run.file('/usr/local/bin/flockctl').content).not_to include('FLOCK_CONFIG')
      end

      it 'leaves a flockctl that is not its own, and says so' do
        allow(FlockOfChefsCookbook::Wrapper).to receive(:free?).with('/usr/local/bin/flockctl').and_return(false)
        allow(Chef::Log).to receive(:warn)
        expect(Chef::Log).to receive(:warn).with(%r{/usr/local/bin/flockctl is not this cookbook's and stays}).at_least(:once)
        expect(chef_run).not_to create_file('/usr/local/bin/flockctl')
      end

      it 'starts no agent of a node that is in no flock, and says how to get it into one' do
        expect(Chef::Log).to receive(:warn).with(/flock_agent\[default\]: not started, .*flock_join/).at_least(:once)
        expect(chef_run).to enable_systemd_unit('flock-agent.service')
        expect(chef_run).not_to start_systemd_unit('flock-agent.service')
      end
    end

    context 'without the gem' do
      let(:gem_spec) { nil }
      recipe do
        flock_agent 'default' do
          gem_version '0.1.0'
          gem_source '/srv/flock_of_chefs-0.1.0.gem'
        end
      end

      it 'installs it first' do
        expect(chef_run).to install_chef_gem('flock_of_chefs').with(version: '0.1.0', source: '/srv/flock_of_chefs-0.1.0.gem')
      end
    end

    context 'in a flock' do
      let(:enrolled) { true }
      recipe do
        flock_agent 'default' do
          data_dir '/flock/data'
          socket '/flock/agent.sock'
          config '/flock/agent.toml'
          hub true
          hubs %w(10.0.0.1:22222)
          settings 'worker' => { 'timeout_ms' => 60_000 }, 'chef' => { 'run_command' => %w(chef-client -L x) }
        end
      end

      it 'starts, and founds nothing' do
        expect(chef_run).to start_systemd_unit('flock-agent.service')
        expect(chef_run).not_to run_execute('found a flock on chefspec')
      end

      it 'writes further settings beside its own' do
        expect(toml).to include(%([registry]\nurl = "embedded"\n), %([join]\nhubs = ["10.0.0.1:22222"]\n),
                                %([worker]\ntimeout_ms = 60000\n), %(run_command = ["chef-client", "-L", "x"]\n))
        expect(toml).to match(/\[chef\]\nconfig = .*\nrun_command/)
      end

      it 'has later runs find it' do
        expect(chef_run).to create_file(%r{client.d/flock_of_chefs.rb\z}).with(content: %r{^ENV\['FLOCK_CONFIG'\] \|\|= "/flock/agent.toml"$})
        expect(chef_run.file('/usr/local/bin/flockctl').content).to include('export FLOCK_CONFIG=/flock/agent.toml')
      end

      it 'makes no runtime folder elsewhere' do
        expect(chef_run.file('/etc/systemd/system/flock-agent.service').content).not_to include('RuntimeDirectory')
      end
    end
  end

  describe 'flock_api' do
    recipe do
      flock_agent('default') { action :create }
      flock_api('human') { content 'class Human; end' }
      flock_api('robot') do
        cookbook 'robots'
        action :create
      end
      flock_api('old') { action :delete }
    end

    it 'writes files that only root reads' do
      expect(chef_run).to create_directory('/var/lib/flock/apis').with(mode: '0700')
      expect(chef_run).to create_file('/var/lib/flock/apis/human.rb').with(mode: '0600', content: 'class Human; end')
      expect(chef_run).to create_cookbook_file('/var/lib/flock/apis/robot.rb').with(mode: '0600', source: 'robot.rb', cookbook: 'robots')
      expect(chef_run).to delete_file('/var/lib/flock/apis/old.rb')
    end
  end
end
