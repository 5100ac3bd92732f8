# frozen_string_literal: true

require_relative "launch"

module FlockOfChefs
  module Host
    # What APIs print goes into a file that must not grow for as long as their process lives.
    class Output
      # Seconds between two looks at its size.
      LOOK_S = 60

      # @param data_dir [String]
      def initialize(data_dir)
        @path = File.join(data_dir, Launch::LOG)
      end

      # Looks after it from now on, on a thread of its own.
      #
      # @return [void]
      def tend
        Thread.new do
          loop do
            sleep LOOK_S
            renew
          end
        end
      end

      # Renames a file that has grown too large, also where another host did, and goes on in a new one.
      #
      # @return [void]
      def renew
        Worker::Launch.rotate(@path)
        return if File.identical?(@path, $stderr)

        File.open(@path, File::WRONLY | File::CREAT | File::APPEND, 0o600) do |log|
          [$stdout, $stderr].each { |stream| stream.reopen(log) }
        end
      rescue SystemCallError
        nil # the old one does
      end
    end
  end
end
