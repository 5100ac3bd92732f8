# frozen_string_literal: true

require "chef/log"
require "chef/request_id"
require_relative "surroundings"
require_relative "termination"
require_relative "waits"

module FlockOfChefs
  module Recipe
    # Chef asks a resource's guards, and then its provider to run the action: that is where waits belong.
    module WaitingProvider
      # Why an action was not run, for Chef's formatters.
      Skipped = Struct.new(:to_text) do
        # Chef's method.
        alias_method :short_description, :to_text
        # Chef's method.
        alias_method :description, :to_text
      end

      # Chef's method.
      def run_action(action = nil)
        return super unless WaitingProvider.hold(new_resource, action || @action, events) == :skip

        nil
      end

      class << self
        # Returns when the resource need wait no longer.
        #
        # @param resource [Chef::Resource]
        # @param action [Symbol]
        # @param events [Chef::EventDispatch::Dispatcher]
        # @return [Symbol, nil] +:skip+ when the action is not to be run
        # @raise [TimeoutError, Error]
        def hold(resource, action, events)
          waits = declared(resource, action)
          return if waits.nil? || waits.empty?
          return later(waits, resource) if Run::Handoff.redirected?

          waits.each do |wait|
            outcome = overdue(wait, resource, events, action)
            return outcome if outcome == :skip
          end
          nil
        end

        private

        def declared(resource, action)
          root = resource.run_context&.root_run_context
          return if root.nil? || action == :nothing

          Waits.find(root)&.of(resource) if may_wait?(root)
        end

        def may_wait?(root)
          !::Chef::Config[:why_run] && (Run::Handoff.redirected? || Surroundings.real_run?(root))
        end

        # A worker holds Chef's run lock: it asks once, and gives it back.
        def later(waits, resource)
          missing = waits.map { |wait| Remote::Waiting.new(wait, secret: resource.sensitive) }
                         .find { |waiting| !waiting.now? } or return
          throw :flock_later, "#{resource} waits #{missing}"
        end

        def overdue(wait, resource, events, action)
          return told_to_end(wait, resource, events, action) if Termination.asked?

          waiting = nil
          over = Waits.for(resource.run_context).within_time(wait) do |rest|
            waiting = waiting(rest, resource)
            Termination.heeded { waiting.over? }
          end
          return if over

          why = "#{resource} waited #{wait.limit_s} s #{waiting}"
          case wait.on_timeout
          when :fail then raise TimeoutError.new("#{why} (#{wait.place})", code: "wait_timeout")
          when :skip then skip(resource, action, events, why)
          else ::Chef::Log.warn("flock_of_chefs: #{why}; it goes on without")
          end
        end

        # It is asked once: a run that was told to end waits no longer.
        def told_to_end(wait, resource, events, action)
          waiting = waiting(wait, resource)
          return if waiting.now?

          Termination.end_run
          skip(resource, action, events, "TERM was received, and #{resource} would wait #{waiting}")
        end

        def waiting(wait, resource)
          run = { run_id: ::Chef::RequestID.instance.request_id, at: wait.place }
          Remote::Waiting.new(wait, run:, secret: resource.sensitive) do |line|
            ::Chef::Log.info("flock_of_chefs: #{resource} #{line}")
          end
        end

        def skip(resource, action, events, why)
          events.resource_skipped(resource, action, Skipped.new(why))
          :skip
        end
      end
    end
  end
end
