# frozen_string_literal: true

require "rbconfig"

module FlockOfChefs
  module Run
    # How to start this Ruby again with exactly these gems, without Bundler: Chef may live in an omnibus package, in a
    # Habitat package whose path changes with each release, or in a bundle.
    module RubyProcess
      # Belongs to this Ruby's start, to the login session or to the service manager, not to the run.
      LEFT_OUT = /\A(?:RUBYOPT|RUBYLIB|GEM_.*|BUNDLE.*|_|PWD|OLDPWD|SHLVL|TERM.*|DISPLAY|WINDOWID|SSH_.*|SUDO_.*
                      |XDG_.*|DBUS_.*|INVOCATION_ID|JOURNAL_STREAM|NOTIFY_SOCKET|LISTEN_.*|MAINPID|SYSTEMD_.*
                      |WATCHDOG_.*)\z/x
      # Larger values are left out: an environment is passed whole at each start.
      VALUE_LIMIT_BYTES = 16 * 1024

      # @param without [Array<String>] folders whose load path entries die with the run (Chef's cookbook cache)
      # @return [Hash] the "ruby" part of snapshot.json
      def self.describe(without: [])
        {
          "path" => RbConfig.ruby, "load_path" => load_path(without), "gem_path" => Gem.path, "gem_home" => Gem.dir,
          "env" => environment, "cwd" => working_directory
        }
      end

      def self.load_path(without)
        $LOAD_PATH.map(&:to_s).reject { |path| without.any? { |folder| path.start_with?("#{folder}/") } }
      end

      def self.environment
        ENV.to_h.reject { |name, value| LEFT_OUT.match?(name) || value.bytesize > VALUE_LIMIT_BYTES || !utf8?(value) }
      end

      def self.utf8?(value) = value.dup.force_encoding(Encoding::UTF_8).valid_encoding?

      def self.working_directory
        Dir.pwd
      rescue Errno::ENOENT # chef-client was started in a folder that is gone
        "/"
      end

      private_class_method :load_path, :environment, :utf8?, :working_directory
    end
  end
end
