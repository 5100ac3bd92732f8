require 'spec_helper'
require_relative 'with_the_gem'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::rules' do
  include_context 'with the gem'
  step_into :flock_agent, :flock_allow, :flock_tag

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
end
