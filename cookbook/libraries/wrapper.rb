require 'shellwords' unless defined?(Shellwords)

module FlockOfChefsCookbook
  # The command flockctl for people: Chef's own folder of commands is on nobody's PATH.
  module Wrapper
    MARK = '# Written by the cookbook flock_of_chefs.'.freeze

    class << self
      # @param command [Array<String>] what runs flockctl
      # @param environment [Hash{String => String, nil}] nil = not set
      # @param config [String, nil] the agent.toml that is meant where $FLOCK_CONFIG names none; nil = flockctl's own default
      # @return [String] a shell script
      def render(command, environment, config)
        unset, set = environment.partition { |_, value| value.nil? }
        lines = ['#!/bin/sh', MARK, "unset #{unset.map(&:first).join(' ')}"]
        lines += set.map { |name, value| "export #{name}=#{value.shellescape}" }
        lines << %([ -n "$FLOCK_CONFIG" ] || export FLOCK_CONFIG=#{config.shellescape}) if config
        "#{lines.join("\n")}\nexec #{command.shelljoin} \"$@\"\n"
      end

      # @param path [String]
      # @return [Boolean] whether nothing is there, or what the cookbook has put there
      def free?(path)
        ours?(path) || !(::File.exist?(path) || ::File.symlink?(path))
      end

      # @param path [String]
      # @return [Boolean] whether the cookbook has written it
      def ours?(path)
        ::File.file?(path) && !::File.symlink?(path) && ::File.foreach(path).first(2).last.to_s.b.chomp == MARK
      end
    end
  end
end
