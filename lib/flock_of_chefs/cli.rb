# frozen_string_literal: true

require "dry/cli"
require_relative "../flock_of_chefs"
require_relative "cli/exit_codes"
require_relative "cli/result"
require_relative "cli/output"
require_relative "cli/nearest"
require_relative "cli/selecting"
require_relative "cli/called"
require_relative "cli/words"
require_relative "cli/again"
require_relative "cli/rollout"
require_relative "cli/verbs"
require_relative "cli/way"
require_relative "cli/command"
require_relative "cli/completion"
require_relative "cli/program"

module FlockOfChefs
  # The command line: `flockctl`.
  # @api private
  module CLI
    extend Dry::CLI::Registry

    # One small file per command.
    module Commands; end
    Dir[File.join(__dir__, "cli/commands/*.rb")].each { |file| require file }

    register "init", Commands::Init
    register "join", Commands::Join
    register "agent", Commands::Agent
    register "status", Commands::Status
    register "nodes", Commands::Nodes
    register "node remove", Commands::NodeRemove
    register "operators", Commands::Operators
    register "operator remove", Commands::OperatorRemove
    register "token create", Commands::TokenCreate
    register "resources", Commands::Resources
    register "notify", Commands::Notify
    register "call", Commands::Call
    register "wait", Commands::Wait
    register "run-chef", Commands::RunChef
    register "notifications", Commands::Notifications::All
    register "notifications list", Commands::Notifications::List
    register "notifications show", Commands::Notifications::Show
    register "notifications retry", Commands::Notifications::Retry
    register "notifications drop", Commands::Notifications::Drop
    register "subscriptions", Commands::Subscriptions::All
    register "subscriptions list", Commands::Subscriptions::List
    register "subscriptions show", Commands::Subscriptions::Show
    register "leave", Commands::Leave
    register "backup", Commands::Backup
    register "restore", Commands::Restore
    register "doctor", Commands::Doctor
    register "why", Commands::Why
    register "trace", Commands::Trace
    register "config check", Commands::ConfigCheck
    register "metrics", Commands::Metrics
    register "log-level", Commands::LogLevel
    register "completion", Commands::Completion
    register "version", Commands::Version, aliases: %w[-v --version]

    # All commands, those of subcommands among them.
    #
    # @return [Hash{String=>Class}] by their words, such as +"token create"+
    def self.commands(children = get([]).children, before = [])
      children.sort.each_with_object({}) do |(word, node), found|
        words = [*before, word]
        found[words.join(" ")] = node.command if node.leaf?
        found.merge!(commands(node.children, words))
      end
    end

    # @param command [Class]
    # @return [String, nil] the words that mean it
    def self.words_of(command) = commands.key(command)

    # @param arguments [Array<String>]
    # @return [Integer] see {ExitCodes}
    def self.start(arguments) = Program.new(self).call(arguments)
  end
end
