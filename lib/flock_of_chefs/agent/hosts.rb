# frozen_string_literal: true

require "json"
require_relative "host_keeper"

module FlockOfChefs
  module Agent
    # The processes of this node's APIs: one for those of the cookbooks, one for the files of +data_dir/apis+.
    class Hosts
      # Each is kept by itself.
      KINDS = %w[cookbook files].freeze
      # For calls at hand, when the agent stops.
      GRACE_S = 1
      # The deadline of one call to the native agent.
      CALL_MS = 10_000

      # @param native [Native::Agent]
      # @param log [Log]
      # @param launch [#command, nil] {Host::Launch}, or its double
      # @param options [Hash] of {HostKeeper}
      def initialize(native, log:, launch: nil, **options)
        @native = native
        @log = log
        @launch = launch
        @options = options
      end

      # @param event [Hash] "hosts"
      # @return [void]
      def want(event)
        wanted = event.fetch("hosts").to_h do |host|
          [host.fetch("kind"), event.slice("socket", "data_dir", "config").merge(host)]
        end
        KINDS.each { |kind| keepers.fetch(kind).want(wanted[kind]) }
      end

      # Ends all of them.
      #
      # @return [void]
      def close = @keepers&.each_value&.map { |keeper| Thread.new { keeper.stop(GRACE_S) } }&.each(&:join)

      private

      def keepers
        @keepers ||= KINDS.to_h do |kind|
          [kind, HostKeeper.new(kind, launch:, log: @log, **@options) { |state| tell(state) }]
        end
      end

      def launch
        @launch ||= begin
          require_relative "../host/launch"
          Host::Launch
        end
      end

      # Only for people, and for callers while there is none.
      def tell(state)
        @native.call("host_state", JSON.generate(state), CALL_MS)
      rescue FlockOfChefs::Error
        nil
      end
    end
  end
end
