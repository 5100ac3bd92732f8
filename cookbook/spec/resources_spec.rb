require 'spec_helper'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::resources' do
  platform 'debian'
  step_into :flock_agent, :flock_join, :flock_allow, :flock_tag, :flock_api

  let(:gem_spec) { Gem::Specification.new('flock_of_chefs', '0.1.0') }
  let(:enrolled) { false }

  before do
    allow(Gem::Specification).to receive(:find_by_name).and_call_original
    allow(Gem::Specification).to receive(:find_by_name).with('flock_of_chefs', any_args) do
      gem_spec || raise(Gem::MissingSpecError.new('flock_of_chefs', '>= 0'))
    end
    allow(File).to receive(:exist?).and_call_original
    allow(File).to receive(:exist?).with('/flock/data/identity/identity.json').and_return(enrolled)
  end

  # What agent.toml has when all resources have run.
  def toml
    chef_run.find_resource(:file, 'agent.toml of flock_agent[default]').content
  end

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
      end

      it 'makes no runtime folder elsewhere' do
        expect(chef_run.file('/etc/systemd/system/flock-agent.service').content).not_to include('RuntimeDirectory')
      end
    end
  end

  describe 'flock_allow and flock_tag' do
    recipe do
      flock_allow 'restarts' do
        from 'bender*'
        resource 'service[*]'
        actions %i(restart)
      end
      flock_agent 'default' do
        tags %w(old)
        action :create
      end
      flock_allow('calls') { call 'human_api.*' }
      flock_allow('gone') do
        call 'x.y'
        action :remove
      end
      flock_tag 'blue'
      flock_tag('red') { action :nothing }
    end

    it 'come from all recipes, before and after the agent' do
      expect(toml).to include(%(tags = ["blue", "old"]\n))
      expect(toml).to end_with(<<~TOML)
        [[allow]]
        from = "*"
        call = ["human_api.*"]

        [[allow]]
        from = "bender*"
        resource = "service[*]"
        actions = ["restart"]
      TOML
    end

    it 'are in a first agent.toml already' do
      expect(chef_run.file('/etc/flock/agent.toml').content).to eq(toml)
    end
  end

  describe 'half a rule' do
    recipe { flock_allow('half') { resource 'service[*]' } }

    it 'does not compile' do
      expect { chef_run }.to raise_error(Chef::Exceptions::ValidationFailed, /flock_allow\[half\]: give resource and actions, or call alone/)
    end
  end

  describe 'a rule without an agent' do
    recipe { flock_allow('lonely') { call 'a.b' } }

    it 'says what is missing' do
      expect { chef_run }.to raise_error(/there is no flock_agent\[default\] in this run; declare it, or include_recipe/)
    end
  end

  describe 'flock_join' do
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        action :create
      end
      flock_join('default') { data_bag 'flock' }
    end

    context 'in a flock' do
      let(:enrolled) { true }

      it 'asks for no token' do
        expect { chef_run }.not_to raise_error # a data bag that is not stubbed raises
      end
    end

    it 'hands the token of a data bag to flockctl by stdin' do
      stub_data_bag_item('flock', 'join').and_return('token' => "flock1.secret\n")
      command = nil
      allow_any_instance_of(Chef::Provider).to receive(:shell_out) do |_, *words, **options|
        command = [words, options]
        instance_double(Mixlib::ShellOut, error?: false)
      end
      chef_run
      words, options = command
      expect(words.last(4)).to eq(%w(join - --config /etc/flock/agent.toml))
      expect(options).to include(input: "flock1.secret\n")
    end

    it 'keeps the token out of what flockctl said' do
      stub_data_bag_item('flock', 'join').and_return('token' => 'flock1.secret')
      said = instance_double(Mixlib::ShellOut, error?: true, exitstatus: 1, stdout: '', stderr: 'bad token flock1.secret')
      allow_any_instance_of(Chef::Provider).to receive(:shell_out).and_return(said)
      expect { chef_run }.to raise_error(/flockctl join ended with 1: bad token \[join string\]/)
    end

    it 'says which place holds no token' do
      stub_data_bag_item('flock', 'join').and_return({})
      expect { chef_run }.to raise_error(%r{token of the data bag item flock/join holds no join string})
    end
  end

  describe 'flock_join that may fail' do
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        action :create
      end
      flock_join('default') do
        data_bag 'flock'
        retries 2
        retry_delay 0
        ignore_failure true
      end
    end

    it 'tries again as often as it is told to, and goes on' do
      stub_data_bag_item('flock', 'join').and_return('token' => 'flock1.secret')
      tries = 0
      allow_any_instance_of(Chef::Provider).to receive(:shell_out) do
        tries += 1
        instance_double(Mixlib::ShellOut, error?: true, exitstatus: 4, stdout: '', stderr: 'no hub answers')
      end
      expect { chef_run }.not_to raise_error
      expect(tries).to eq(3)
    end
  end

  describe 'flock_join from a vault' do
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        action :create
      end
      flock_join('default') { vault 'secrets' }
    end

    it 'takes the item' do
      require 'chef-vault'
      allow(ChefVault::Item).to receive(:load).with('secrets', 'join').and_return('token' => 'flock1.vaulted')
      given = nil
      allow_any_instance_of(Chef::Provider).to receive(:shell_out) do |_, *_, **options|
        given = options[:input]
        instance_double(Mixlib::ShellOut, error?: false)
      end
      chef_run
      expect(given).to eq("flock1.vaulted\n")
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
