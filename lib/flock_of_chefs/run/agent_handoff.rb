# frozen_string_literal: true

require "json"
require "chef/log"
require_relative "../errors"
require_relative "budget"
require_relative "settings"

module FlockOfChefs
  module Run
    # The way to this node's agent, or to its spool directory if it does not answer. One for each Chef run.
    class AgentHandoff
      # @param settings [Settings]
      # @param native [#new_id] stands in for the native library in tests
      # @param budget [Budget]
      # @raise [ConfigurationError] if this node is not set up
      def initialize(settings: Settings.current, native: FlockOfChefs::Native, budget: Budget.new)
        @settings = settings
        @native = native
        @budget = budget
      end

      # Keeps a notification durably before it returns.
      #
      # @param draft [Hash{String=>Object}] without id and cause
      # @return [String] the id
      # @raise [Error] if neither the agent nor the spool takes it
      def append(draft)
        id = @native.new_id
        place = store(JSON.generate(Handoff.complete(draft, id)))
        use_spool if place == "spool"
        id
      end

      # What the agent's +run_changed+ takes; it refuses other fields.
      POKE = %i[phase number run_id generation].freeze

      # Tells the agent that run.json or the journal has changed. The agent also finds out by itself, so that no answer
      # is waited for beyond the budget.
      #
      # @param event [Hash] what has changed
      # @return [Boolean] whether the agent heard it
      def poke(event)
        return false if @budget.spent?

        @budget.measure { |timeout_ms| client.call("run_changed", JSON.generate(event.slice(*POKE)), timeout_ms) }
        true
      rescue StandardError => e
        ::Chef::Log.debug("flock_of_chefs: the agent was not told of the run: #{e.message}")
        false
      end

      private

      def client
        @client ||= @native::Client.new(JSON.generate(socket: @settings.socket, data_dir: @settings.data_dir))
      end

      # @return [String] "outbox" or "spool"
      def store(json)
        offer(json)
      rescue StandardError => e
        places = "neither by the agent (#{@settings.socket}) nor in #{spool}"
        raise e.exception("it can be kept nowhere, #{places}: #{e.message}")
      end

      # The native client tries the agent, then the spool; with no time left, the spool at once.
      def offer(json)
        ask_agent = !@budget.spent?
        answer = @budget.measure { |timeout_ms| client.append(json, timeout_ms) }
        JSON.parse(answer).fetch("where")
      rescue ConnectionError, TimeoutError
        raise unless ask_agent

        @budget.exhaust
        retry
      end

      def use_spool
        @budget.exhaust
        return if @spooling

        @spooling = true
        ::Chef::Log.warn("flock_of_chefs: the agent does not answer on #{@settings.socket}; " \
                         "the notifications of this run wait in #{spool} until it is up (systemctl start flock-agent)")
      end

      def spool = File.join(@settings.data_dir, "spool")
    end
  end
end
