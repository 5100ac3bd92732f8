# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Where a warm worker and what it forks print. The agent renames a log that has grown too large; a process that
    # lives on has to follow.
    class Output
      # The log's name in the agent's folder.
      NAME = "worker.log"

      # @param data_dir [String]
      def initialize(data_dir)
        @path = File.join(data_dir, NAME)
      end

      # @return [void]
      def reopen
        File.open(@path, File::WRONLY | File::CREAT | File::APPEND, 0o600) do |log|
          [$stdout, $stderr].each { |stream| stream.reopen(log) }
        end
      rescue SystemCallError
        nil # the old one does
      end
    end
  end
end
