# frozen_string_literal: true

require "json"
require "time"

module FlockOfChefs
  module Agent
    # What the agent's Ruby side tells the operator: one line each, on the standard error, in the form of the native
    # side's lines, for one parser reads both.
    class Log
      # Levels at which a line of each kind is still written.
      WRITTEN = { "INFO" => %w[info debug trace], "WARN" => %w[warn info debug trace] }.freeze

      # @param io [IO]
      # @param json [Boolean] whether a line is a JSON document, as `[log] format = "json"` asks
      def initialize(io = $stderr, json: false)
        @io = io
        @json = json
        @level = "info"
      end

      # @return [Boolean]
      attr_writer :json

      # @return [String] as `[log] level` has it; what is less is not written
      attr_accessor :level

      # @param message [String]
      # @return [void]
      def info(message) = line("INFO", message)

      # @param message [String]
      # @return [void]
      def warn(message) = line("WARN", message)

      private

      # One write per line, because Rust writes to the same descriptor.
      def line(level, message)
        return unless WRITTEN.fetch(level).include?(@level)

        timestamp = Time.now.utc.iso8601(6)
        @io.write("#{@json ? json(timestamp:, level:, message:) : "#{timestamp}  #{level} #{message.tr("\n", " ")}"}\n")
      rescue SystemCallError
        nil # nobody reads it any more; that is no reason to stop
      end

      def json(**fields) = JSON.generate(**fields, target: "flock_of_chefs::agent")
    end
  end
end
