require 'mixlib/shellout' unless defined?(Mixlib::ShellOut)

module FlockOfChefsCookbook
  # Has flockctl look at an agent.toml before it takes the place of the one that works.
  module SettingsCheck
    WORDS = %w(config check).freeze
    TIMEOUT_S = 60

    class << self
      # @param agent [Chef::Resource] a flock_agent
      # @param path [String] the proposed file
      # @return [Boolean] also where there is no flockctl that could tell
      def passed?(agent, path)
        return true unless FlockGem.installed?(agent.gem_version) && run(agent, '--help').exitstatus == 0

        checked = run(agent, path)
        return true unless checked.error?

        # Chef does not say what is wrong with a sensitive file.
        Chef::Log.error("#{agent}: #{agent.config} is left as it is, since what the recipes make of it is refused: #{said(checked, path, agent)}")
        false
      end

      private

      def run(agent, *arguments)
        command = FlockGem.flockctl(agent.gem_version) + WORDS + arguments
        Mixlib::ShellOut.new(*command, environment: FlockGem.environment, timeout: TIMEOUT_S).run_command
      end

      def said(checked, path, agent)
        "#{checked.stdout}#{checked.stderr}".gsub(path, agent.config).strip
      end
    end
  end
end
