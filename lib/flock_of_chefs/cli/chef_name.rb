# frozen_string_literal: true

require "socket"
require "timeout"

module FlockOfChefs
  module CLI
    # The name that Chef gives this node, found without running Chef's configuration file: that is Ruby, and ours to
    # read only.
    class ChefName
      # Where Chef and Cinc look for their configuration.
      FILES = %w[/etc/chef/client.rb /etc/cinc/client.rb /etc/chef/solo.rb].freeze
      # `node_name "x"`, `node_name('x')`, `node_name = "x"`; a computed name is none.
      NODE_NAME = /^\s*(?:Chef::Config\.|Chef::Config\[:)?node_name\]?\s*[=(]?\s*(?<quote>["'])(?<name>[^"'#]+)\k<quote>/
      # Seconds that looking up the host's name may take.
      LOOKUP_S = 3

      # @return [String, nil] the configuration file that was looked into
      attr_reader :file

      # @param file [String, nil] Chef's configuration; nil = where Chef and Cinc look
      def initialize(file = nil)
        @file = file || FILES.find { |path| File.readable?(path) }
      end

      # @return [String] the configured name, else the host name as Chef takes it: fully qualified where it can be
      # @raise [ConfigurationError] when the file that was asked for cannot be read
      def name = configured || host

      # @return [String] where {#name} comes from
      def source = configured ? "node_name in #{file}" : "the host name"

      private

      def configured
        return unless file

        @configured ||= File.read(file, encoding: "UTF-8").scrub[NODE_NAME, "name"]
      rescue SystemCallError => e
        raise ConfigurationError, "#{file}: #{e.message}; name Chef's configuration with --chef-config"
      end

      def host
        short = Socket.gethostname
        found = Timeout.timeout(LOOKUP_S) do
          Addrinfo.getaddrinfo(short, nil, nil, :STREAM, nil, Socket::AI_CANONNAME).first&.canonname
        end
        found.to_s.start_with?("#{short}.") && !found.end_with?(".localdomain") ? found : short
      rescue SocketError, ::Timeout::Error
        short
      end
    end
  end
end
