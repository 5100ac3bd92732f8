module FlockOfChefsCookbook
  # The file of client.d that gives later runs the words.
  module ClientD
    # @param config [String, nil] the agent.toml that is meant where $FLOCK_CONFIG names none; nil = where everybody looks
    # @param version [String, nil] of the gem; nil = the newest that is installed
    # @return [String] Ruby
    def self.render(config, version)
      environment = "ENV['FLOCK_CONFIG'] ||= #{config.inspect}\n" if config
      chosen = "gem 'flock_of_chefs', #{version.inspect}\n  " if version
      <<~RUBY
        # Written by the cookbook flock_of_chefs.
        #{environment}begin
          #{chosen}require 'flock_of_chefs/chef'
        rescue LoadError
          nil # the next run that has the cookbook installs the gem
        end
      RUBY
    end
  end
end
