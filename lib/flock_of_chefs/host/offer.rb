# frozen_string_literal: true

require_relative "../api"
require_relative "../api/celluloid/actors"
require_relative "actor_service"
require_relative "object_service"

module FlockOfChefs
  module Host
    # What this process serves: the APIs that its code defines, each started.
    class Offer
      # @return [Hash{String=>#call}] the services by name of their API
      attr_reader :services
      # @return [Array<String>] what could not be loaded or started, and why
      attr_reader :problems

      # @param problems [Array<String>] of loading
      def initialize(problems = [])
        @problems = problems.dup
        entries = Api::Registry.entries
        Api::Actors.go_live if entries.any?(&:actor?)
        @services = entries.filter_map { |entry| started(entry) }.to_h { |service| [service.name, service] }
        Api::Registry.silent.each { |entry| complain(entry) }
      end

      # @return [Array<Hash>] ApiInfo of proto/flock/v1/local.proto
      def infos = services.values.map(&:info)

      private

      def complain(entry)
        problem = "#{entry.implementation} (#{File.basename(entry.file)}) offers nothing: it exposes no method; " \
                  "name those that may be called, as in `expose :count`"
        warn "flock_of_chefs host: #{problem}"
        @problems << problem
      end

      def started(entry)
        (entry.actor? ? ActorService : ObjectService).new(entry)
      rescue StandardError, ScriptError => e
        warn "flock_of_chefs host: #{e.full_message(highlight: false)}"
        @problems << "#{entry.api}: #{e.message.to_s.lines.first.to_s.chomp} (#{e.class})"
        nil
      end
    end
  end
end
