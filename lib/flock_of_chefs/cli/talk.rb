# frozen_string_literal: true

require_relative "progress"
require_relative "terminal"
require_relative "value"

module FlockOfChefs
  module CLI
    # What is said to people while a command is at work, on the standard error. Any thread may say something. Nobody who
    # listens is no reason to stop working: it falls silent then.
    class Talk
      # @param io [IO]
      def initialize(io)
        @io = io
        @terminal = Terminal.new(io)
        @lock = Mutex.new
        @shown = ""
      end

      # @param line [String] perhaps with another node's words in it
      # @return [void]
      def call(line)
        speak do
          shown = @shown
          wipe
          @io.puts(Value.plain(line))
          draw(shown)
        end
      end

      # @param total [Integer] nodes
      # @return [Progress] which redraws its line on a terminal, and writes one per change elsewhere
      def progress(total) = @terminal.tty? ? Progress::Redrawn.new(total, self) : Progress.new(total, method(:call))

      # Shows a line in place of the one before; an empty one takes it away. For terminals only.
      #
      # @param line [String]
      # @return [void]
      def show(line)
        speak do
          wipe
          draw(Value.plain(line))
        end
      end

      private

      # The pipe may be closed, the terminal gone, the disk full.
      def speak
        @lock.synchronize { yield unless @mute }
      rescue SystemCallError, IOError
        @mute = true
      end

      def wipe
        @io.print("\r\e[K") unless @shown.empty?
        @shown = ""
      end

      def draw(line)
        return if line.empty?

        width = @terminal.width - 1
        @io.print(@shown = line.length > width ? "#{line[0, width - 1]}…" : line)
        @io.flush
      end
    end
  end
end
