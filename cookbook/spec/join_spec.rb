require 'spec_helper'
require_relative 'with_the_gem'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::join' do
  include_context 'with the gem'
  step_into :flock_agent, :flock_join

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
end
