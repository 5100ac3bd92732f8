provides :flock_allow
unified_mode true

description 'A rule of agent.toml: who may run which actions of which resources here, or call which methods. Without any rule, members may run what resources declare.'

property :agent, String, default: 'default', description: 'The name of the flock_agent.'
property :from, String, default: '*', description: 'Which nodes: a name or pattern, as certificates have it.'
property :resource, [String, nil], description: "Which resources, as in 'service[*]'."
property :actions, [String, Symbol, Array], default: [], coerce: proc { |value| Array(value).map(&:to_s) },
                                            description: 'Which of their actions.'
property :call, [String, Array], default: [], coerce: proc { |value| Array(value) },
                                 description: "Which methods, as in 'human_api.*', in place of resource and actions."

# @return [Hash] the rule as agent.toml has it
def setting
  FlockOfChefsCookbook::Rule.of(self)
end

def after_created
  return if Array(action) == [:remove] || FlockOfChefsCookbook::Rule.whole?(self)

  raise Chef::Exceptions::ValidationFailed, "#{self}: give resource and actions, or call alone"
end

action_class do
  include FlockOfChefsCookbook::OfAgent
end

action :create, description: 'Put the rule into agent.toml at the end of the run.' do
  FlockOfChefsCookbook::AgentSettings.add(flock_agent!, new_resource)
end

action :remove, description: 'Leave the rule out, as if it were not declared.' do
  FlockOfChefsCookbook::AgentSettings.remove(flock_agent!, new_resource)
end
