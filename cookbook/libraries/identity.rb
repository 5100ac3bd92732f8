require 'digest' unless defined?(Digest)
require 'json' unless defined?(JSON)
require 'openssl' unless defined?(OpenSSL)

module FlockOfChefsCookbook
  # Who this node is by what `flockctl init` or `flockctl join` has left in data_dir, whatever recipes want.
  class Identity
    # @param agent [Chef::Resource] a flock_agent
    def initialize(agent)
      @agent = agent
      @dir = ::File.join(agent.data_dir, 'identity')
      @meta = read
    end

    # @return [String, nil] the flock
    def flock_id
      @meta['flock_id']
    end

    # @return [Boolean] whether this node has founded its flock
    def hub?
      @meta['hub'] == true
    end

    # The agent refuses to start where agent.toml makes another of the node than its identity does.
    #
    # @return [void]
    # @raise [RuntimeError] with the remedy
    def check!
      wanted = @agent.hub || !registry.empty?
      return if @meta.empty? || wanted == hub?

      raise "#{@agent}: #{hub? ? hub_no_more : hub_after_all}"
    end

    # @return [String, nil] what join strings of this flock know it by: the SHA-256 of its root's public key
    def pin
      root = OpenSSL::X509::Certificate.new(::File.read(::File.join(@dir, 'roots.pem')))
      Digest::SHA256.hexdigest(root.public_key.public_to_der)
    rescue OpenSSL::OpenSSLError, SystemCallError
      nil
    end

    private

    # What is damaged is the agent's to complain of.
    def read
      JSON.parse(::File.read(::File.join(@dir, 'identity.json'))).to_h
    rescue JSON::ParserError, SystemCallError
      {}
    end

    def registry
      @agent.settings['registry'] || @agent.settings[:registry] || {}
    end

    def hub_no_more
      "this node is the hub of the flock #{flock_id}, and `hub` is false here. Without [registry] in #{@agent.config} its agent does not start, and " \
        "members find no hub. Set `hub true` (node['flock_of_chefs']['hub']) for this node. A hub moves to another machine by `flockctl backup` and " \
        '`flockctl restore`; one without members stops being one by `flockctl leave`'
    end

    def hub_after_all
      "this node is a member of the flock #{flock_id}, and `hub` is true here. An agent of a member that finds [registry] in #{@agent.config} does not " \
        "start. Set `hub false` (node['flock_of_chefs']['hub']) for this node: in a role or Policyfile the attribute counts for all of its nodes, and there is " \
        'one hub. To found a flock of its own here, run `flockctl leave` first'
    end
  end
end
