# frozen_string_literal: true

require "json"
require_relative "files"

module FlockOfChefs
  module Run
    # What a run changed, for the agent to compare with what other nodes subscribe to: +journal/NUMBER.jsonl+, a line
    # for each update as it happens and one for the end. A run that changes nothing leaves no file.
    class Journal
      # Of the agent's directory.
      FOLDER = "journal"
      # What somebody subscribes to here, as the agent says; a JSON array of keys.
      WATCHED = "watched"

      # @param data_dir [String]
      # @param number [Integer] the run's
      # @param run_id [String]
      def initialize(data_dir, number, run_id)
        @folder = File.join(data_dir, FOLDER)
        @number = number
        @run_id = run_id
        @lines = 0
      end

      # Keeps an update durably.
      #
      # @param change [Hash] see {Change.of}
      # @return [void]
      # @raise [SystemCallError]
      def add(change)
        append({ "n" => @lines += 1, **change, "run_id" => @run_id })
      end

      # @param change [Hash]
      # @return [Boolean] whether somebody is known to wait for it
      def awaited?(change) = watched.include?(change["key"])

      # @param phase [String] "succeeded" or "failed"
      # @return [void]
      # @raise [SystemCallError]
      def finish(phase)
        append({ "end" => phase }) if @lines.positive?
      ensure
        @file&.close
        @file = nil
      end

      private

      # A line in one write, so that the agent never sees two of them mixed.
      def append(entry)
        file.syswrite("#{JSON.generate(entry)}\n")
        file.fdatasync
      end

      # Stays open until the end of the run.
      def file
        @file ||= File.new(File.join(Files.directory(@folder), "#{@number}.jsonl"),
                           File::WRONLY | File::CREAT | File::APPEND, 0o600).tap { Files.sync_directory(@folder) }
      end

      def watched
        @watched ||= JSON.parse(File.read(File.join(@folder, WATCHED)))
      rescue SystemCallError, JSON::ParserError
        @watched = []
      end
    end
  end
end
