module FlockOfChefsCookbook
  # The agent's systemd unit. It is not sandboxed, since its workers change the machine as Chef does.
  module Unit
    class << self
      # @param command [Array<String>] what runs the agent
      # @param environment [Hash{String => String, nil}]
      # @param socket [String] the agent's local socket
      # @return [String]
      def render(command, environment, socket)
        sections = {
          'Unit' => { 'Description' => 'flock_of_chefs agent', 'Documentation' => 'https://github.com/chrisroberts/flock_of_chefs',
                      'Wants' => 'network-online.target', 'After' => 'network-online.target' },
          'Service' => service(command, environment, socket),
          'Install' => { 'WantedBy' => 'multi-user.target' },
        }
        "# Written by the cookbook flock_of_chefs.\n" + sections.map { |name, lines| section(name, lines) }.join("\n")
      end

      private

      def service(command, environment, socket)
        {
          'Type' => 'notify',
          'Environment' => environment.compact.map { |name, value| quote("#{name}=#{value}") },
          'ExecStart' => command.map { |word| quote(word).gsub('$', '$$') }.join(' '),
          # Stopping the agent must not end the action that runs, be it the Chef run that restarts the agent.
          'KillMode' => 'process', 'TimeoutStopSec' => 30,
          'Restart' => 'on-failure', 'RestartSec' => 2, 'WatchdogSec' => 60,
          'OOMPolicy' => 'continue',
          **runtime_directory(socket),
          # No core of a process that has keys in its memory.
          'UMask' => '0077', 'LimitCORE' => '0:infinity', 'LimitNOFILE' => 65_536
        }
      end

      def runtime_directory(socket)
        directory = ::File.dirname(socket)
        return {} unless ::File.dirname(directory) == '/run'

        { 'RuntimeDirectory' => ::File.basename(directory), 'RuntimeDirectoryMode' => '0700' }
      end

      def section(name, lines)
        "[#{name}]\n" + lines.flat_map { |key, value| Array(value).map { |one| "#{key}=#{one}\n" } }.join
      end

      # As systemd.syntax(7) has it; a percent sign begins a specifier.
      def quote(word)
        text = word.gsub('%', '%%')
        text.match?(/[\s"'\\;]/) ? "\"#{text.gsub(/["\\]/) { |char| "\\#{char}" }}\"" : text
      end
    end
  end
end
