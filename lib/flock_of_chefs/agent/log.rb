# frozen_string_literal: true

require "json"
require "time"

module FlockOfChefs
  module Agent
    # What the agent's Ruby side tells the operator: one line each, on the standard error, in the form of the native
    # side's lines, for one parser reads both.
    class Log
      # @param io [IO]
      # @param json [Boolean] whether a line is a JSON document, as `[log] format = "json"` asks
      def initialize(io = $stderr, json: false)
        @io = io
        @json = json
      end

      # @return [Boolean]
      attr_writer :json

      # @param message [String]
      # @return [void]
      def info(message) = line("INFO", message)

      # @param message [String]
      # @return [void]
      def warn(message) = line("WARN", message)

      private

      # One write per line, because Rust writes to the same descriptor.
      def line(level, message)
        timestamp = Time.now.utc.iso8601(6)
        @io.write("#{@json ? json(timestamp:, level:, message:) : "#{timestamp}  #{level} #{message.tr("\n", " ")}"}\n")
      rescue SystemCallError
        nil # nobody reads it any more; that is no reason to stop
      end

      def json(**fields) = JSON.generate(**fields, target: "flock_of_chefs::agent")
    end
  end
end
