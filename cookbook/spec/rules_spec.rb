require 'spec_helper'
require_relative 'with_the_gem'
require 'tempfile'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::rules' do
  include_context 'with the gem'
  step_into :flock_agent, :flock_allow, :flock_tag

  # What agent.toml has from the beginning, where there was none.
  def early
    chef_run.find_resources(:file).find { |file| file.name == '/etc/flock/agent.toml' }.content
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
      expect(early).to eq(toml)
    end
  end

  describe 'rules that are not known yet' do
    recipe do
      flock_agent('default') { action :create }
      flock_allow('restarts') do
        resource 'service[*]'
        actions 'restart'
      end
    end

    # A cookbook whose custom resources have this code.
    def cookbook(code)
      file = Tempfile.create(['site', '.rb'])
      file.write(code)
      file.close
      (@files ||= []) << file.path
      site = instance_double(Chef::CookbookVersion, name: :site)
      allow(site).to receive(:segment_filenames) { |segment| segment == 'resources' ? [file.path] : [] }
      allow_any_instance_of(Chef::CookbookCollection).to receive(:values).and_return([site])
    end

    after { File.delete(*@files) if @files }

    it 'keep a first agent.toml closed to all whom no rule admits' do
      cookbook("action(:create) { flock_allow('nested') { call 'x.*' } }")
      expect(early).to end_with(<<~TOML)
        [[allow]]
        from = "*"
        resource = "service[*]"
        actions = ["restart"]

        [[allow]]
        from = "nobody yet"
        resource = "*"
        actions = ["*"]

        [[allow]]
        from = "nobody yet"
        call = ["*"]
      TOML
      expect(toml).not_to include('nobody yet')
    end

    it 'are none where no custom resource has any' do
      cookbook("action(:create) { file '/x' }")
      expect(early).to eq(toml)
    end
  end

  describe 'a rule whose condition may still come true' do
    recipe do
      flock_agent('default') { action :create }
      flock_allow('later') do
        call 'x.*'
        only_if { false }
      end
    end

    it 'keeps a first agent.toml closed' do
      expect(early).to include('nobody yet')
    end
  end

  describe 'two rules of one name' do
    context 'that say the same' do
      recipe do
        flock_agent('default') { action :create }
        2.times { flock_allow('calls') { call 'a.b' } }
      end

      it 'are one' do
        expect(toml.scan('[[allow]]').size).to eq(1)
      end
    end

    context 'that differ' do
      recipe do
        flock_allow('calls') { call 'a.b' }
        flock_allow('calls') { call 'a.c' }
        flock_agent('default') { action :create }
      end

      it 'end the run, since the later would take the place of the former in silence' do
        place = /rules_spec.rb:\d+:in \S+/
        expect { chef_run }.to raise_error(/flock_allow\[calls\] .*#{place}.* says something else than the one of the same name in .*#{place}/)
      end
    end

    context 'after the agent' do
      recipe do
        flock_agent('default') { action :create }
        flock_allow('calls') { call 'a.b' }
        flock_allow('calls') { call 'a.c' }
      end

      it 'end it as well' do
        expect { chef_run }.to raise_error(/says something else/)
      end
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
