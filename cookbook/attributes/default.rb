# Not enabled: the cookbook does nothing but say so, and the words do nothing either.
default['flock_of_chefs']['enabled'] = true

# Where the agent listens for others. The address is that of the network device, else ip_address, else any.
default['flock_of_chefs']['port'] = '22222'
default['flock_of_chefs']['bind_addr']['device'] = nil
default['flock_of_chefs']['bind_addr']['ip_address'] = nil
# true: no port is opened; the agent dials its hub, and others come through that.
default['flock_of_chefs']['dial_out_only'] = false
# How others reach the agent, HOST:PORT; nil = the bind address, else the node's own.
default['flock_of_chefs']['advertise'] = nil

# true on the node that founds the flock.
default['flock_of_chefs']['hub'] = false
# The id of the flock that is given up where this hub has lost its keys for good.
default['flock_of_chefs']['found_anew'] = nil
default['flock_of_chefs']['hubs'] = []
default['flock_of_chefs']['tags'] = []
default['flock_of_chefs']['cloud'] = nil
# Further keys of agent.toml, for example { 'worker' => { 'timeout_ms' => 60_000 } }.
default['flock_of_chefs']['settings'] = {}

default['flock_of_chefs']['config'] = '/etc/flock/agent.toml'
default['flock_of_chefs']['data_dir'] = '/var/lib/flock'
default['flock_of_chefs']['socket'] = '/run/flock/agent.sock'
default['flock_of_chefs']['unit_directory'] = '/etc/systemd/system'
# Where people's command flockctl is put; nil = nowhere.
default['flock_of_chefs']['flockctl'] = '/usr/local/bin/flockctl'
# nil = Chef's own
default['flock_of_chefs']['client_d'] = nil

# nil = the version of this cookbook
default['flock_of_chefs']['gem']['version'] = nil
# URL, list of URLs or path of a .gem file; nil = RubyGems' configured sources
default['flock_of_chefs']['gem']['source'] = nil
# true: only that source is asked
default['flock_of_chefs']['gem']['clear_sources'] = nil
default['flock_of_chefs']['gem']['options'] = nil

# What `flockctl token create` printed on a hub, from one of these places.
default['flock_of_chefs']['join']['string'] = nil
default['flock_of_chefs']['join']['file'] = nil
default['flock_of_chefs']['join']['data_bag'] = nil
default['flock_of_chefs']['join']['vault'] = nil
default['flock_of_chefs']['join']['item'] = 'join'
default['flock_of_chefs']['join']['key'] = 'token'
default['flock_of_chefs']['join']['replace'] = false
# A hub that is away: how often joining is tried again, after how many seconds, and whether the run goes on without.
default['flock_of_chefs']['join']['retries'] = 0
default['flock_of_chefs']['join']['retry_delay'] = 5
default['flock_of_chefs']['join']['ignore_failure'] = false
