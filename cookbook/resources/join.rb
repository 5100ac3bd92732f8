provides :flock_join
unified_mode true

description 'Makes this node a member of a flock, once.'

property :agent, String, default: 'default', description: 'The name of the flock_agent.'
property :join_string, [String, nil], sensitive: true, description: 'What `flockctl token create` printed on a hub.'
property :file, [String, nil], description: 'A file that holds it.'
property :data_bag, [String, nil], description: 'A data bag whose item holds it; encrypted ones are decrypted.'
property :vault, [String, nil], description: 'A vault of Chef Vault whose item holds it.'
property :item, String, default: 'join', description: 'The item of the data bag or vault.'
property :key, String, default: 'token', description: "The item's key."
property :replace, [true, false], default: false, description: 'Take over the name of a node that is no more.'

action_class do
  include FlockOfChefsCookbook::OfAgent

  # The string goes in by stdin: arguments can be read by every user of the machine.
  def join(agent, string)
    flock = FlockOfChefsCookbook::FlockGem
    command = flock.flockctl(agent.gem_version) + ['join', '-', '--config', agent.config]
    command << '--replace' if new_resource.replace
    result = shell_out(*command, input: "#{string}\n", environment: flock.environment, timeout: 120)
    return unless result.error?

    said = "#{result.stdout}#{result.stderr}".gsub(string, '[join string]').strip
    raise "#{new_resource}: flockctl join ended with #{result.exitstatus}: #{said}"
  end

  # Chef itself retries nothing whose failure it ignores.
  def persistently
    left = new_resource.ignore_failure ? new_resource.retries : 0
    begin
      yield
    rescue StandardError => e
      raise if left == 0

      left -= 1
      Chef::Log.warn("#{e.message}; tried again in #{new_resource.retry_delay} s")
      sleep(new_resource.retry_delay)
      retry
    end
  end

  # A hub is in the flock that it has founded. Where every node is told to be a hub, each is alone in one of its own, and nothing else says so.
  def warn_of_another_flock(agent)
    identity = FlockOfChefsCookbook::Identity.new(agent)
    return unless identity.hub?

    meant = FlockOfChefsCookbook::JoinString.pin(FlockOfChefsCookbook::JoinString.of(new_resource))
    return if meant.nil? || [nil, meant].include?(identity.pin)

    Chef::Log.warn("#{new_resource}: nothing joined: this node is the hub of a flock of its own, #{identity.flock_id}, and the join string is another flock's. " \
                   "Where `hub` is meant for another node, set node['flock_of_chefs']['hub'] = false here, run `flockctl leave`, then #{ChefUtils::Dist::Infra::CLIENT}")
  rescue StandardError => e
    Chef::Log.debug("#{new_resource}: not compared with the flock of this hub: #{e.message}")
  end
end

action :join, description: 'Join the flock, unless the node is in one. The agent is started.' do
  agent = flock_agent!
  failure = FlockOfChefsCookbook::JoinFailure.new(agent)
  if enrolled?(agent)
    warn_of_another_flock(agent)
  else
    converge_by("join the flock as #{agent.node_name}") do
      failure.noted(new_resource) do
        persistently { join(agent, FlockOfChefsCookbook::JoinString.of(new_resource)) }
      end
    end
    # Not where someone stops it on purpose.
    agent.run_action(:start) if Array(agent.action).include?(:start)
  end
  file failure.path do
    action :delete
    only_if { enrolled?(agent) }
  end
end
