# frozen_string_literal: true

module FlockOfChefs
  module Host
    # What a method raised, as data: fit to leave the node.
    module Fault
      # Longest message.
      MESSAGE_BYTES = 1024
      # Longest backtrace.
      LINES = 20

      class << self
        # @param error [Exception]
        # @return [Hash] Fault of proto/flock/v1/common.proto
        def of(error)
          { class_name: error.class.name.to_s, message: text(error.message)[0, MESSAGE_BYTES].to_s,
            backtrace: backtrace(error) }
        end

        private

        # Of the API's own code only, without the folders that it lies in.
        def backtrace(error)
          own = Array(error.backtrace).reject { |line| line.start_with?("<", "#{Api::Registry::OWN}/") || gem?(line) }
          own.first(LINES).map { |line| text(line)[%r{(?:[^/]+/){0,2}[^/]+\.rb:\d+.*}] || text(line) }
        end

        def gem?(line) = line.start_with?(*Gem.path, RbConfig::CONFIG["rubylibdir"])

        def text(text)
          text.to_s.dup.force_encoding(Encoding::UTF_8).scrub("?").byteslice(0, MESSAGE_BYTES).scrub("")
        end
      end
    end
  end
end
