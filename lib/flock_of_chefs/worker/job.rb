# frozen_string_literal: true

require "json"
require_relative "../errors"

module FlockOfChefs
  # The process that fires a resource outside a Chef run.
  # @api private
  module Worker
    class << self
      # @return [Job, nil] what this process is to do; nil in every process that is no worker
      attr_accessor :job
    end

    # What the agent asks for, as in jobs/ID.json.
    class Job
      # The job file cannot be read or lacks something.
      class Invalid < Error; end

      # Fields without which there is no job.
      REQUIRED = %w[job key action generation snapshot_dir result started current].freeze

      # @param path [String]
      # @return [Job]
      # @raise [Invalid]
      def self.read(path)
        new(JSON.parse(File.read(path)))
      rescue SystemCallError, JSON::ParserError => e
        raise Invalid, "cannot read the job #{path}: #{e.message}"
      end

      # @param fields [Hash]
      # @raise [Invalid]
      def initialize(fields)
        missing = REQUIRED - fields.keys
        raise Invalid, "the job lacks #{missing.join(", ")}" unless missing.empty?

        @fields = fields
      end

      REQUIRED.each { |name| define_method(name) { @fields[name] } }
      alias id job

      # @return [String, nil] the agent's socket
      def socket = @fields["socket"]

      # @return [String] the agent's folder
      def data_dir = @fields["data_dir"] || File.expand_path("../..", result)

      # @return [String, nil] where what the action updates is kept until there is a result
      def changes = @fields["changes"]

      # @return [Hash] what travels on with notifications that the action itself sends
      def cause
        { chain: Array(@fields["chain"]), cause_root: @fields["cause_root"].to_s }
      end

      # @return [Hash] snapshot.json
      def snapshot = @snapshot ||= JSON.parse(File.read(File.join(snapshot_dir, "snapshot.json")))

      # @return [Boolean] whether the node's last successful run is still the one that this job is for
      def current?
        File.read(current).strip == generation.to_s
      rescue Errno::ENOENT
        false
      end

      # @return [Hash] the card of the key, empty when there is none
      def card
        cards = JSON.parse(File.read(File.join(snapshot_dir, "cards.json")))["cards"]
        cards.find { |card| card["key"] == key } || {}
      end
    end
  end
end
