# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl init`
      class Init < Command
        desc "Make this node the first hub of a new flock"
        verb :Init, agent: false

        option :name, desc: "This node's name (default: node_name of Chef's configuration, else the host name)"
        option :chef_config, desc: "Chef's configuration (default: /etc/chef/client.rb)"
        option :data_dir, desc: "Where the agent keeps its store and keys (default: /var/lib/flock)"
        option :socket, desc: "The agent's local socket (default: /run/flock/agent.sock)"
        option :listen, desc: "Address for other agents (default: 0.0.0.0:22222)"
        option :advertise, desc: "Address that other agents dial, where it is another one"
        example ["--advertise 10.0.0.4:22222"]
      end
    end
  end
end
