require 'rbconfig' unless defined?(RbConfig)

module FlockOfChefsCookbook
  # The gem in the Ruby that runs Chef, as it is now: an upgrade of Chef may move all of it.
  module FlockGem
    NAME = 'flock_of_chefs'.freeze

    class << self
      # @param version [String, nil] a requirement; nil = any version
      # @return [Boolean] whether it can be loaded here
      def installed?(version)
        !specification(version).nil?
      end

      # @param version [String, nil]
      # @return [Gem::Specification, nil]
      def specification(version = nil)
        Gem::Specification.find_by_name(NAME, *version)
      rescue Gem::MissingSpecError
        nil
      end

      # @param version [String, nil]
      # @return [Array<String>] what runs flockctl, whatever else is installed
      # @raise [RuntimeError] when the gem is not there, but for a why-run, which has not installed it
      def flockctl(version)
        spec = specification(version)
        return [RbConfig.ruby, 'flockctl'] if spec.nil? && Chef::Config[:why_run]
        raise "the gem #{NAME} #{version} is not installed in #{RbConfig.ruby}; flock_agent's action :create installs it" unless spec

        [RbConfig.ruby, *spec.full_require_paths.map { |path| "-I#{path}" }, spec.bin_file('flockctl')]
      end

      # Bundler and whoever else started Chef have no say in the agent's process. A user's own gems are left out: the agent is root's.
      #
      # @return [Hash{String => String, nil}] nil = not set
      def environment
        { 'GEM_HOME' => Gem.dir, 'GEM_PATH' => (Gem.path - [Gem.user_dir]).join(':'),
          'RUBYOPT' => nil, 'RUBYLIB' => nil, 'BUNDLE_GEMFILE' => nil, 'BUNDLE_BIN_PATH' => nil }
      end
    end
  end
end
