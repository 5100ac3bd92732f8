# frozen_string_literal: true

require "json"
require "set"
require_relative "change"
require_relative "handoff"
require_relative "journal_file"
require_relative "updates"

module FlockOfChefs
  module Run
    # Writes down what a run really updates, for the nodes that subscribe to it: the agent reads it, whenever it is up.
    # An update that somebody waits for is pointed out to the agent at once.
    class Journal < Updates
      # Larger lists of what is waited for are not read; the agent then finds the updates by itself.
      WATCHED_BYTES = 4 * 1024 * 1024
      # Updates of one run beyond this many are not written down.
      LINES = 100_000

      # Begins a run's journal.
      #
      # @param events [Chef::EventDispatch::Dispatcher] the run's
      # @return [Journal]
      def self.attach(events, **facts)
        new(**facts).tap { |journal| events.register(journal) }
      end

      # @param data_dir [String]
      # @param number [Integer] the run's
      # @param run_id [String]
      def initialize(data_dir:, number:, run_id:)
        super("write down what the run updates")
        @data_dir = data_dir
        @number = number
        @run_id = run_id
        @file = JournalFile.new(data_dir, number)
        @lines = 0
      end

      # The run is over; nothing is written down any more.
      #
      # @param phase [String] "succeeded" or "failed"
      # @return [void]
      def finish(phase)
        guarded(@purpose) { @file.close({ "end" => phase }) }
        @file = nil
      end

      private

      def updated(resource, action)
        change = Change.of(resource, action) if @file
        return if change.nil?
        raise RejectedError, "more than #{LINES} updates" if @lines >= LINES

        @file.append({ "n" => @lines + 1, **change.to_entry, "run_id" => @run_id })
        @lines += 1
        point_out if change.keys.any? { |key| watched.include?(key) }
      end

      def point_out
        Handoff.current.poke({ phase: "running", number: @number, run_id: @run_id })
      end

      # Read at the first update: a run that updates nothing needs none.
      def watched
        @watched ||= read_watched.to_set
      end

      def read_watched
        path = File.join(JournalFile.folder(@data_dir), "watched")
        keys = JSON.parse(File.read(path)) if File.size(path) <= WATCHED_BYTES
        keys.is_a?(Array) ? keys : []
      rescue SystemCallError, JSON::ParserError
        []
      end
    end
  end
end
