provides :flock_agent
unified_mode true

description 'The agent of flock_of_chefs on this node: the gem, agent.toml, the words in later runs, the systemd unit.'

property :node_name, String, default: lazy { node.name }, description: 'The name of this node in the flock.'
property :config, String, default: '/etc/flock/agent.toml', description: 'Where agent.toml is written.'
property :data_dir, String, default: '/var/lib/flock', description: 'Store, keys, snapshots, spool; 0700.'
property :socket, String, default: '/run/flock/agent.sock', description: 'The local socket.'
property :listen, String, default: '0.0.0.0:22222', description: 'IP:PORT for other agents; empty = dial out only.'
property :advertise, [String, nil], description: 'HOST:PORT that other agents dial, where it is another one.'
property :hub, [true, false], default: false, description: 'Whether this node founds the flock.'
property :found_anew, [String, nil], description: 'The flock, by its id, that is given up where the hub has lost its keys; else it founds no second one.'
property :hubs, Array, default: [], description: 'Hubs, HOST:PORT, that override those learned by joining.'
property :tags, Array, default: [], description: 'Tags of this node, beside those of flock_tag and of Chef.'
property :cloud, [String, nil], description: 'The cloud of this node.'
property :settings, Hash, default: {}, description: 'Further keys of agent.toml.'
property :chef_config, String, default: lazy { Chef::Config[:config_file] || ::File.join(ChefConfig::Config.etc_chef_dir, 'client.rb') },
                               description: "Chef's configuration, whose node this is."
property :client_d, String, default: lazy { Chef::Config[:client_d_dir] || ::File.join(ChefConfig::Config.etc_chef_dir, 'client.d') },
                            description: 'Folder of the file that gives later runs the words.'
property :unit_directory, String, default: '/etc/systemd/system', description: 'Where the systemd unit is written.'
property :flockctl, String, default: '/usr/local/bin/flockctl', description: 'Where the command flockctl is put; empty = nowhere.'
property :service_name, String, default: 'flock-agent', description: 'The name of the systemd unit.'
property :gem_version, [String, nil], default: lazy { run_context.cookbook_collection['flock_of_chefs']&.version },
                                      description: "The gem's version or requirement; the cookbook's version unless given."
property :gem_source, [String, Array, nil], description: "URL, URLs or a .gem file; RubyGems' sources unless given."
property :gem_clear_sources, [true, false, nil], description: 'Whether only that source is asked.'
property :gem_options, [String, Hash, Array, nil], description: 'More options of chef_gem.'

default_action %i(create enable start)

action_class do
  include FlockOfChefsCookbook::OfAgent

  def agent
    new_resource
  end

  def unit_name
    "#{agent.service_name}.service"
  end

  def unit_path
    ::File.join(agent.unit_directory, unit_name)
  end

  def flockctl(*arguments)
    flockctl_bare + arguments + ['--config', agent.config]
  end

  # In the root context: notifications of others can reach it, and it restarts at the end of the run.
  def service
    name = unit_name
    with_run_context(:root) { find_resource(:systemd_unit, name) { action :nothing } }
  end

  def install_gem
    version = agent.gem_version
    chef_gem 'flock_of_chefs' do
      version agent.gem_version if agent.gem_version
      source agent.gem_source if agent.gem_source
      clear_sources agent.gem_clear_sources unless agent.gem_clear_sources.nil?
      options agent.gem_options if agent.gem_options
      compile_time false
      not_if { FlockOfChefsCookbook::FlockGem.installed?(version) }
    end
  end

  def write_settings
    directory(::File.dirname(agent.config)) { recursive true }
    directory(agent.data_dir) do
      recursive true
      mode '0700'
    end
    # What the rest of this run needs, closed where rules may come that are not known yet.
    file agent.config do
      content lazy { FlockOfChefsCookbook::AgentSettings.render(agent, early: true) }
      mode '0600'
      sensitive true
      verify { |path| FlockOfChefsCookbook::SettingsCheck.passed?(agent, path) }
      action :create_if_missing
    end
    write_settings_at_the_end
  end

  def write_settings_at_the_end
    agent = new_resource
    unit = service
    with_run_context(:root) do
      edit_resource(:file, "agent.toml of #{agent}") do
        path agent.config
        content lazy { FlockOfChefsCookbook::AgentSettings.render(agent) }
        mode '0600'
        sensitive true
        verify { |path| FlockOfChefsCookbook::SettingsCheck.passed?(agent, path) }
        only_if { FlockOfChefsCookbook::AgentSettings.complete?(agent.run_context) }
        notifies :try_restart, unit, :delayed
        action :nothing
        delayed_action :create
      end
    end
  end

  def write_client_d
    directory(agent.client_d) { recursive true }
    file ::File.join(agent.client_d, 'flock_of_chefs.rb') do
      content FlockOfChefsCookbook::ClientD.render(unusual_config, agent.gem_version)
      mode '0644'
    end
  end

  # The rest of this run has the words, and hands over to this agent.
  def load_words
    ENV['FLOCK_CONFIG'] ||= unusual_config if unusual_config
    FlockOfChefs::Run::Events.configured(run_context.root_run_context) if FlockOfChefsCookbook::Words.load(agent.gem_version)
  end

  def write_unit
    unit = service
    reload = execute "systemctl daemon-reload for #{unit_name}" do
      command %w(systemctl daemon-reload)
      action :nothing
    end
    directory(agent.unit_directory) { recursive true }
    file unit_path do
      content lazy { FlockOfChefsCookbook::Unit.render(agent_command, FlockOfChefsCookbook::FlockGem.environment, agent.socket) }
      mode '0644'
      verify :systemd_unit
      notifies :run, reload, :immediately
      notifies :try_restart, unit, :delayed if ::File.exist?(path)
    end
  end

  def agent_command
    flockctl('agent')
  end

  def found
    founding = FlockOfChefsCookbook::Founding.new(agent, node)
    founding.check! unless enrolled?(agent)
    execute "found a flock on #{agent.node_name}" do
      command lazy { flockctl('init') }
      environment FlockOfChefsCookbook::FlockGem.environment
      not_if { enrolled?(agent) }
    end
    file founding.path do
      content lazy { founding.record }
      mode '0644'
      not_if { founding.flock_id.nil? }
    end
  end

  # A command of that name that is not the cookbook's stays: a person, or the gems of a Ruby that everybody has on the PATH, put it there.
  def write_flockctl
    return if agent.flockctl.empty?
    return leave_flockctl unless FlockOfChefsCookbook::Wrapper.free?(agent.flockctl)

    directory(::File.dirname(agent.flockctl)) { recursive true }
    file agent.flockctl do
      content lazy { FlockOfChefsCookbook::Wrapper.render(flockctl_bare, FlockOfChefsCookbook::FlockGem.environment, unusual_config) }
      mode '0755'
    end
  end

  def leave_flockctl
    return if ::File.dirname(agent.flockctl) == Gem.bindir

    Chef::Log.warn("#{agent}: #{agent.flockctl} is not this cookbook's and stays as it is; remove it, or name another place with `flockctl` ('' = none)")
  end

  def flockctl_bare
    FlockOfChefsCookbook::FlockGem.flockctl(agent.gem_version)
  end

  # @return [String, nil] where agent.toml is, if not where everybody looks
  def unusual_config
    agent.config unless agent.config == '/etc/flock/agent.toml'
  end

  def remove_flockctl
    file(agent.flockctl) { action :delete } if FlockOfChefsCookbook::Wrapper.ours?(agent.flockctl)
  end

  # Chef resources nest: what runs now is a resource of this one.
  def steer(*actions)
    systemd_unit(unit_name) { action actions }
  end
end

action :create, description: 'Install and configure the agent; found a flock on the hub. Changes restart a running agent at the end of the run.' do
  FlockOfChefsCookbook::Requirements.check!
  FlockOfChefsCookbook::Identity.new(agent).check!
  install_gem
  write_settings
  write_client_d
  write_unit
  write_flockctl
  found if agent.hub
  load_words
end

action :enable, description: 'Have the agent started at boot.' do
  steer :enable
end

action :disable, description: 'Have the agent not started at boot.' do
  steer :disable
end

action :start, description: 'Start the agent, if the node is in a flock.' do
  if enrolled?(agent)
    steer :start
  else
    why = FlockOfChefsCookbook::JoinFailure.new(agent).told
    Chef::Log.warn("#{agent}: not started, since this node is in no flock yet: #{why || 'flock_join, `flockctl join` or `hub true` bring it into one'}")
  end
end

action :stop, description: 'Stop the agent. An action that it runs goes on to its end.' do
  steer :stop
end

action :restart, description: 'Restart the agent. An action that it runs goes on to its end.' do
  steer :restart
end

action :remove, description: 'Stop the agent and remove its unit, agent.toml, the command flockctl and the words of later runs. data_dir stays: it holds the keys.' do
  steer :stop, :disable
  execute "systemctl daemon-reload for #{unit_name}" do
    command %w(systemctl daemon-reload)
    action :nothing
  end
  file unit_path do
    action :delete
    notifies :run, "execute[systemctl daemon-reload for #{unit_name}]", :immediately
  end
  [::File.join(agent.client_d, 'flock_of_chefs.rb'), agent.config].each do |path|
    file(path) { action :delete }
  end
  remove_flockctl
end
