# frozen_string_literal: true

require "json"
require "support/chef_server"
require "support/cookbook/machine"

class ChefServer
  # A bare machine that is a client of a server: it registers with the validator's key in its first run. Its recipe is
  # uploaded before each of its runs, so runs of several machines must not overlap.
  class Machine < CookbookMachine
    # @param server [ChefServer]
    # @param policy [Array(String, String), nil] name and group
    def initialize(dir, name, server, policy: nil)
      @server = server
      @policy = policy
      super(dir, name)
    end

    def client_key = path("client.pem")

    # @return [Result]
    def converge(recipe, *arguments, **options)
      options[:run_list] ||= nil if @policy # it has its own
      super
    end

    private

    def publish = @server.upload(path("repo/cookbooks"))

    def where
      <<~RUBY
        chef_server_url "#{@server.url}"
        client_key "#{client_key}"
        validation_client_name "#{VALIDATOR}"
        validation_key "#{@server.validation_key}"
        #{policy_settings if @policy}
      RUBY
    end

    # goiardi speaks the API of Chef Server 11. There, a policy is an item of a data bag, and nodes have no such keys:
    # Chef leaves them out when it is told of the first one, but goiardi tells of any.
    def policy_settings
      name, group = @policy
      <<~RUBY
        use_policyfile true
        policy_document_native_api false
        deployment_group "#{name}-#{group}"
        policy_name "#{name}"
        policy_group "#{group}"
        silence_deprecation_warnings %w(policyfile_compat_mode)
        require "chef/node"
        Chef::Node.prepend(Module.new { def data_for_save = super.reject { |key, _| key.start_with?("policy_") } })
      RUBY
    end
  end
end
