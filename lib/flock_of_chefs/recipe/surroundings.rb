# frozen_string_literal: true

require "chef/config"
require "chef/log"
require "chef/version"
require_relative "../run/handoff"

module FlockOfChefs
  module Recipe
    # What the words may do here. They are always checked; in unsupported surroundings that is all, and one line says
    # so.
    class Surroundings
      # The oldest Chef that is supported.
      OLDEST_CHEF = 16

      class << self
        # @param run_context [Chef::RunContext]
        # @return [Surroundings]
        def of(run_context)
          return new("Chef Infra Client #{::Chef::VERSION} is too old, #{OLDEST_CHEF} is needed", arm: false) if old?
          return new("Target Mode is not supported", arm: false) if target_mode?
          return new("this is ChefSpec", level: :info) if chefspec?
          return new("this is no run of chef-client but of chef-apply, chef-shell or a script") unless run?(run_context)

          ::Chef::Config[:why_run] ? new("this is a why-run", level: :info, send: true) : new(nil, send: true)
        end

        # @param run_context [Chef::RunContext, nil]
        # @return [Boolean] whether this is a run that changes the node and holds its run lock
        def real_run?(run_context)
          !(old? || target_mode? || chefspec? || ::Chef::Config[:why_run] || Run::Handoff.redirected?) &&
            client?(run_context)
        end

        private

        def old? = ::Chef::VERSION.to_i < OLDEST_CHEF

        def target_mode? = ::Chef::Config.respond_to?(:target_mode?) && ::Chef::Config.target_mode?

        def chefspec? = !!($CHEFSPEC_MODE || defined?(::ChefSpec)) # rubocop:disable Style/GlobalVars

        def run?(run_context) = Run::Handoff.redirected? || client?(run_context)

        # Only Chef::Client#run, the holder of the run lock, registers an action collection.
        def client?(run_context)
          events = run_context&.events
          defined?(::Chef::ActionCollection) && events.respond_to?(:subscribers) &&
            events.subscribers.any?(::Chef::ActionCollection)
        end
      end

      # @param off [String, nil] why nothing is sent
      # @param level [Symbol] how loudly to say so
      # @param arm [Boolean] whether the words declare their native notification, so that it can be seen
      # @param send [Boolean] whether the provider may go as far as Chef lets it: in a why-run it tells what it would do
      def initialize(off, level: :warn, arm: true, send: false)
        @off = off
        @level = level
        @arm = arm
        @send = send
      end

      # @return [Boolean] whether the words declare their native notification
      def arm? = @arm

      # @return [Boolean] whether notifications may leave
      def send? = @send

      # Says why a word has no effect.
      #
      # @param effect [String] what does not happen
      # @return [void]
      def announce(effect = "remote notifications are not sent")
        ::Chef::Log.public_send(@level, "flock_of_chefs: #{effect}: #{@off}") if @off
      end
    end
  end
end
