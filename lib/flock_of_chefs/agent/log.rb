# frozen_string_literal: true

require "json"

module FlockOfChefs
  module Agent
    # What the agent's Ruby side tells the operator: one line each, on the standard error.
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
      def info(message) = line("info", message)

      # @param message [String]
      # @return [void]
      def warn(message) = line("warn", message)

      private

      # One write per line, because Rust writes to the same descriptor.
      def line(level, message)
        text = @json ? JSON.generate(level:, target: "flock_of_chefs::agent", message:) : "flock #{level}: #{message}"
        @io.write("#{text}\n")
      rescue SystemCallError
        nil # nobody reads it any more; that is no reason to stop
      end
    end
  end
end
