# frozen_string_literal: true

require "chef/event_dispatch/base"
require "chef/log"
require "chef/request_id"
require_relative "calls"
require_relative "failure"
require_relative "guarded"
require_relative "handoff"
require_relative "journal"
require_relative "settings"
require_relative "status"
require_relative "../api/registry"
require_relative "../recipe/registry"
require_relative "../recipe/surroundings"
require_relative "../recipe/termination"
require_relative "../recipe/waits"

module FlockOfChefs
  # What a Chef run leaves behind.
  # @api private
  module Run
    autoload :Snapshot, File.expand_path("snapshot", __dir__)

    # Follows a Chef run: publishes its state, keeps its journal, flushes what +:reboot_now+ would drop, and saves a
    # snapshot of a run that succeeded. Chef holds its run lock all the while. Nothing here fails the run.
    class Events < ::Chef::EventDispatch::Base
      include Guarded

      # Adds a subscriber unless there is one.
      #
      # @param subscribers [Array]
      # @return [void]
      def self.attach(subscribers)
        subscribers << new if subscribers.none?(self)
      end

      # A recipe of this run has written agent.toml: from now on the run is followed, if it was not yet.
      #
      # @param run_context [Chef::RunContext]
      # @return [void]
      def self.configured(run_context)
        run_context.events.subscribers.grep(self).each { |subscriber| subscriber.configured(run_context) }
      end

      # @param snapshot [#save, nil] stands in for {Snapshot} in tests
      def initialize(snapshot: nil)
        super()
        @snapshot = snapshot
      end

      # Chef's event.
      def run_start(_version, run_status)
        Calls.begin_run
        Api::Registry.clear
        guarded("publish the run's start") { begin_run(run_status.run_context, run_status.run_id) }
      end

      # Chef's event.
      def run_list_expanded(expansion)
        @expansion = expansion
      end

      # The start of a run whose cookbooks brought us.
      def converge_start(run_context)
        Calls.converge
        return if @begun

        guarded("publish the run's start") { begin_run(run_context, ::Chef::RequestID.instance.request_id) }
      end

      # @see Events.configured
      # @param run_context [Chef::RunContext]
      # @return [void]
      # @api private
      def configured(run_context)
        return if @status

        Settings.reset
        guarded("publish the run's start") { begin_run(run_context, ::Chef::RequestID.instance.request_id) }
      end

      # Chef's event.
      def run_completed(_node, run_status)
        return off unless @status

        guarded("send what the run left over") { flush(run_status.run_context) }
        generation = guarded("save the snapshot") { save_snapshot(run_status) }
        reboot = guarded("see whether the machine restarts") { run_status.run_context.reboot_requested? } || false
        finish("succeeded", reboot: reboot, generation: generation)
      end

      # Chef itself has run the delayed notifications. There may be no node and no run context yet.
      def run_failed(exception, _run_status)
        return off unless @status

        finish("failed", error: Failure.describe(exception, @failed))
      end

      # Chef's event; none comes before a retry.
      def resource_action_start(resource, _action, _notification_type = nil, _notifier = nil)
        guarded("begin an action's waits") { Recipe::Waits.for(resource.run_context)&.begin_action(resource) }
      end

      # Chef's event; the innermost resource comes first.
      def resource_failed(resource, _action, _exception)
        return if @failed || resource.ignore_failure

        @failed = resource
      end

      private

      def begin_run(run_context, run_id)
        @begun = true
        @status = @unusable = nil
        return unless Recipe::Surroundings.real_run?(run_context)

        Recipe::Termination.watch
        Handoff.begin_run
        settings = usable_settings or return
        status = Status.new(settings.data_dir)
        status.start(run_id)
        @status = status
        facts = { data_dir: settings.data_dir, number: status.number, run_id: run_id }
        @journal = Journal.attach(run_context.events, **facts)
        guarded("tell the agent") { Handoff.current.poke(status.to_h.compact) }
      end

      def usable_settings
        Settings.current
      rescue ConfigurationError => e
        @unusable = e.message
        nil
      end

      # Not before the end: a recipe of the run may have written agent.toml meanwhile.
      def off
        why = @unusable and
          ::Chef::Log.warn("flock_of_chefs was off in this run, and every remote_notifies that fires fails: #{why}")
        @begun = @expansion = @unusable = nil
      end

      def flush(run_context)
        Recipe::Registry.find(run_context)&.left_over&.each do |handover|
          guarded("send #{handover}") { handover.deliver unless handover.void? }
        end
      end

      def save_snapshot(run_status)
        run_context = run_status.run_context
        (@snapshot || Snapshot).save(run_context: run_context, run_status: run_status, number: @status.number,
                                     expansion: expansion(run_context), data_dir: Settings.current.data_dir,
                                     run_id: run_status.run_id)
      end

      # The event comes before a cookbook's library could subscribe; Chef's compiler still has the expansion then.
      def expansion(run_context)
        @expansion || run_context.send(:cookbook_compiler)&.run_list_expansion
      end

      # Whoever hears that the run is over finds its journal complete.
      def finish(phase, error: nil, reboot: false, **extra)
        @journal&.finish(phase)
        guarded("publish the run's end") { @status.finish(phase, error: error, reboot: reboot) }
        guarded("tell the agent") { Handoff.current.poke(@status.to_h.merge(extra).compact) }
        @status = @begun = @expansion = @journal = @failed = nil
      end
    end
  end
end
