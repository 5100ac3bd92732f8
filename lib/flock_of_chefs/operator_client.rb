# frozen_string_literal: true

require "json"
require_relative "local_client"

module FlockOfChefs
  # The way of a person without an agent: asks a hub, in the name that `flockctl join --operator` got.
  #
  # @example
  #   client = FlockOfChefs::OperatorClient.configured
  #   client.call("nodes")["nodes"].map { |node| node["name"] }
  class OperatorClient < LocalClient
    # Names the folder that holds an operator's identity.
    VARIABLE = "FLOCK_OPERATOR_DIR"

    class << self
      # @return [String] `$FLOCK_OPERATOR_DIR`, else `~/.flock_of_chefs`
      def dir
        named = ENV.fetch(VARIABLE, "")
        named.empty? ? File.join(Dir.home, ".flock_of_chefs") : File.expand_path(named)
      end

      # @return [Boolean] whether there is an identity
      def configured?(dir = self.dir) = File.exist?(File.join(dir, "identity"))

      # @param dir [String]
      # @return [OperatorClient] it connects at the first call, and renews the certificate when that is due
      # @raise [ConfigurationError] with the code "no_operator" when there is no identity
      def configured(dir = self.dir, native: Native)
        about = JSON.parse(native.operator(dir))
        new(native::Client.new(JSON.generate(operator: dir)), about)
      end
    end
  end
end
