# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Commands
      # `flockctl join`
      class Join < Command
        desc "Make this node a member of a flock, or yourself an operator of it"
        verb :Join, agent: false

        argument :join_string, required: true,
                               desc: "What `flockctl token create` printed on a hub; - reads it from stdin"
        option :operator, type: :flag, desc: "Keep an identity of your own, without an agent or root: in " \
                                             "$FLOCK_OPERATOR_DIR, else ~/.flock_of_chefs"
        option :replace, type: :flag, desc: "Take over the name of a node, or an identity, that is no more"
        option :name, desc: "This node's name (default: node_name of Chef's configuration, else the host name)"
        option :chef_config, desc: "Chef's configuration (default: /etc/chef/client.rb)"
        option :data_dir, desc: "Where the agent keeps its store and keys (default: /var/lib/flock)"
        option :socket, desc: "The agent's local socket (default: /run/flock/agent.sock)"
        option :listen, desc: "Address for other agents; none = dial out only"
        option :advertise, desc: "Address that other agents dial, where it is another one"

        private

        def refine(options)
          options[:join_string] == "-" ? options.merge(join_string: $stdin.gets.to_s.strip) : options
        end
      end
    end
  end
end
