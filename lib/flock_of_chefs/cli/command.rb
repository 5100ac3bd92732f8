# frozen_string_literal: true

require "dry/cli"
require_relative "talk"
require_relative "way"

module FlockOfChefs
  module CLI
    # What all commands share: options, the way to the agent, printing, exit codes. A command names its verb and its
    # arguments, nothing else.
    class Command < Dry::CLI::Command
      option :config, desc: "The agent's configuration (default: $FLOCK_CONFIG, else /etc/flock/agent.toml)"
      option :via, default: "auto", values: Way::VALUES,
                   desc: "Ask the agent of this node, or as an operator a hub (default: an agent that answers)"
      option :format, default: "text", values: Output::FORMATS, aliases: ["-F"], desc: "How to print"

      class << self
        # @param name [Symbol] the class in {Verbs}
        # @param agent [Boolean, Symbol] whether it talks to an agent; +:here+ = to that of this node only
        # @param silent [Boolean] whether it has nothing to print
        def verb(name, agent: true, silent: false)
          @verb = { name:, agent:, silent: }
        end

        # @return [Hash] what {verb} was told, here or in the superclass
        def settings = @verb || superclass.settings
      end

      # @raise [SystemExit] with one of {ExitCodes}
      def call(format: "text", args: [], **options)
        refuse(args)
        words = refine(options)
        settings = self.class.settings
        talk = Talk.new($stderr)
        result = Verbs.const_get(settings[:name]).new(talk:).call(client(options), words)
        print(result, format) unless settings[:silent]
        Again.hints(self.class, words, result).each { |line| talk.call(line) }
        exit(result.code)
      end

      private

      # Who reads no further has seen enough; how it ended is so all the same.
      def print(result, format)
        Output.new(format, $stdout).print(result)
        $stdout.flush
      rescue Errno::EPIPE, Errno::EIO
        nil
      end

      def client(options)
        agent = self.class.settings[:agent]
        Way.client(options, here: agent == :here) if agent
      end

      # Where a command has more to say than its options.
      def refine(options) = options

      # dry-cli hands over the optional arguments here as well.
      def refuse(args)
        extra = args.drop(self.class.optional_arguments.size)
        return if extra.empty? || self.class.arguments.any?(&:array?)

        hint = Nearest.of(extra.first, self.class.subcommands.to_h.keys)
        raise ConfigurationError, "unexpected #{extra.first.inspect}#{hint || "; see --help"}"
      end
    end
  end
end
