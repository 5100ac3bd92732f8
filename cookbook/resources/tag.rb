provides :flock_tag
unified_mode true

description 'A tag of this node, for `tags:` of remote_notifies, remote_subscribes and `FlockOfChefs.nodes`.'

property :tag, String, name_property: true, description: 'The tag.'
property :agent, String, default: 'default', description: 'The name of the flock_agent.'

# @return [String] the tag as agent.toml has it
def setting
  tag
end

action_class do
  include FlockOfChefsCookbook::OfAgent
end

action :create, description: 'Put the tag into agent.toml at the end of the run.' do
  FlockOfChefsCookbook::AgentSettings.add(flock_agent!, new_resource)
end

action :remove, description: 'Leave the tag out, as if it were not declared.' do
  FlockOfChefsCookbook::AgentSettings.remove(flock_agent!, new_resource)
end
