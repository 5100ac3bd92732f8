# frozen_string_literal: true

module FlockOfChefs
  module Worker
    # Chef's in-process server of local mode, started when a recipe first asks for the server's address: only recipes
    # that search or read data bags do, and loading it takes a third of a second.
    module LocalServer
      # The address that Chef gives it; stands there while it starts.
      URL = "chefzero://localhost:1"

      # Makes the next look at +chef_server_url+ start it.
      def self.arm
        Chef::Config.delete(:chef_server_url)
        Chef::Config.default(:chef_server_url) { LocalServer.start }
      end

      # @return [String] the address
      def self.start
        Chef::Config.chef_server_url = URL
        Chef::LocalMode.setup_server_connectivity
        Chef::Config.chef_server_url
      end
    end
  end
end
