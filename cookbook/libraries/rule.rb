module FlockOfChefsCookbook
  # One [[allow]] of agent.toml.
  module Rule
    # @param resource [Chef::Resource] a flock_allow
    # @return [Hash]
    def self.of(resource)
      return { 'from' => resource.from, 'call' => resource.call } unless resource.call.empty?

      { 'from' => resource.from, 'resource' => resource.resource, 'actions' => resource.actions }
    end

    # A rule that can never hold keeps the agent from starting.
    #
    # @param resource [Chef::Resource] a flock_allow
    # @return [Boolean]
    def self.whole?(resource)
      action = [!resource.resource.nil?, !resource.actions.empty?]
      resource.call.empty? ? action.all? : action.none?
    end
  end
end
