# frozen_string_literal: true

require "socket"
require_relative "../operator_client"

module FlockOfChefs
  module CLI
    # Whom a command asks: the agent of this node, or, as an operator, a hub.
    module Way
      # What `--via` takes.
      VALUES = %w[auto agent operator].freeze

      module_function

      # @param options [Hash] +:via+ and +:config+
      # @param here [Boolean] whether only the agent of this node will do
      # @return [LocalClient, OperatorClient]
      # @raise [ConfigurationError]
      def client(options, here: false)
        case via(options, here)
        when "agent" then LocalClient.configured(options[:config])
        when "operator" then OperatorClient.configured
        else found(options)
        end
      end

      def via(options, here)
        via = options.fetch(:via, "auto")
        return via unless here
        return "agent" unless via == "operator"

        raise ConfigurationError, "this is done by the agent of a node, not through a hub: leave out --via operator"
      end
      private_class_method :via

      # An agent that answers comes first: it knows more, and asks in the name of its node. Where neither is to be had,
      # the agent's own complaint says most; one of a file that is there names no other way.
      def found(options)
        agent = attempt { LocalClient.configured(options[:config]) }
        return agent if agent.is_a?(LocalClient) && answers?(agent)
        return OperatorClient.configured if OperatorClient.configured?
        return agent if agent.is_a?(LocalClient)
        raise agent unless agent.code == "no_config"

        raise agent.class.new("#{agent.message}; without an agent: flockctl join --operator STRING", code: agent.code)
      end
      private_class_method :found

      def attempt
        yield
      rescue ConfigurationError => e
        e
      end
      private_class_method :attempt

      def answers?(agent)
        UNIXSocket.open(agent.config.fetch("socket")).close
        true
      rescue SystemCallError, KeyError, ArgumentError
        false
      end
      private_class_method :answers?
    end
  end
end
