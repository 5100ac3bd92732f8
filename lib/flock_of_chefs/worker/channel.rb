# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # The agent's end of standard input. The agent says "go" after it has recorded on disk that this process has the
    # job; an end of file instead means that it died before, so that nothing may run.
    class Channel
      # Longer input is no "go".
      LIMIT_BYTES = 16

      # Takes standard input away from everything else: a recipe that reads it must not eat the "go", and what the
      # action starts must not inherit it.
      #
      # @param input [IO]
      # @return [Channel]
      def self.take(input)
        own = input.dup
        own.close_on_exec = true
        input.reopen(File::NULL)
        new(own)
      end

      # @param input [IO]
      def initialize(input)
        @input = input
      end

      # Waits without limit: the supervisor ends a worker that waits too long.
      #
      # @return [Boolean] whether the agent said "go"
      def go? = @input.gets("\n", LIMIT_BYTES) == "go\n"
    end
  end
end
