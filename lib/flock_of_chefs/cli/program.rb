# frozen_string_literal: true

require "dry/cli"

module FlockOfChefs
  module CLI
    # dry-cli with complaints of one line that name the remedy.
    class Parsing < Dry::CLI
      # @param registry [Dry::CLI::Registry]
      # @param name [String] what the complaints begin with
      def initialize(registry, name)
        super(registry)
        @name = name
      end

      private

      def error(result)
        text = result.error.delete_prefix("ERROR: ").sub("\nUsage: ", "; usage: ")
        err.puts(Value.plain("#{@name}: #{text}#{"; see --help" unless text.include?("usage: ")}"))
        exit(ExitCodes::USAGE)
      end
    end

    # One run of flockctl: finds the command, and turns whatever it raises into one line and an exit code.
    class Program
      # @param registry [Dry::CLI::Registry]
      # @param out [IO] for help that was asked for
      # @param err [IO] for people
      # @param name [String] of the program, which complaints begin with
      # @param flags [Hash{Symbol=>Symbol}] options that are called otherwise there
      def initialize(registry, out: $stdout, err: $stderr, name: Called::NAME, flags: {})
        Called.by(name, flags)
        @registry = registry
        @out = out
        @err = err
        @name = name
      end

      # @param arguments [Array<String>]
      # @return [Integer] see {ExitCodes}
      def call(arguments)
        guard do
          arguments = Words.utf8(arguments)
          found = @registry.get(arguments)
          found.found? ? perform(found, arguments) : help(found, arguments)
        end
      end

      # @yieldreturn [Integer]
      # @return [Integer] what the block answers; what it raises is said in one line, and has an exit code
      def guard
        yield
      rescue SystemExit => e
        e.status
      rescue Interrupt, StandardError, LoadError => e
        complain(e)
        ExitCodes.of_error(e)
      end

      private

      def perform(found, arguments)
        Words.once(found.command, found.arguments)
        Parsing.new(@registry, @name).call(arguments:, out: @out, err: @err)
        ExitCodes::DONE
      end

      def help(found, arguments)
        word = arguments[found.names.size]
        return usage(found, @err, ExitCodes::USAGE) unless word
        return usage(found, @out, ExitCodes::DONE) if %w[-h --help help].include?(word)

        @err.puts("#{@name}: unknown command #{word.inspect}#{suggestion(word, found)}")
        ExitCodes::USAGE
      end

      def usage(found, stream, code)
        stream.puts(Dry::CLI::Usage.call(found))
        code
      end

      def suggestion(word, found)
        Nearest.of(word, found.children.keys) || "; see flockctl --help"
      end

      # Where nobody listens, the exit code still says it.
      def complain(error)
        @err.puts(ENV["FLOCK_DEBUG"] == "1" ? error.full_message : Value.plain("#{@name}: #{line(error)}"))
      rescue SystemCallError, IOError
        nil
      end

      def line(error)
        case error
        when Interrupt then "interrupted"
        when Error, LoadError then error.message
        else "#{error.class}: #{error.message.lines.first.to_s.chomp} (a fault of ours: FLOCK_DEBUG=1 shows where)"
        end
      end
    end
  end
end
