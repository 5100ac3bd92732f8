require 'json' unless defined?(JSON)

module FlockOfChefsCookbook
  # Which flock this machine has founded, remembered beyond its data_dir: beside agent.toml, and with the Chef node, which outlives the machine.
  # A hub that has lost its keys must not found a second flock, which would leave all members of the first behind.
  class Founding
    # @param agent [Chef::Resource] a flock_agent
    # @param node [Chef::Node]
    def initialize(agent, node)
      @agent = agent
      @node = node
    end

    # @return [String] of what remembers it on disk
    def path
      ::File.join(::File.dirname(@agent.config), 'founded.json')
    end

    # @return [String, nil] the flock whose hub this is, by its identity
    def flock_id
      identity = Identity.new(@agent)
      identity.flock_id if identity.hub?
    end

    # Notes it with the node.
    #
    # @return [String] what is to be kept on disk
    def record
      @node.normal['flock_of_chefs']['founded'] = flock_id
      "#{JSON.pretty_generate('flock_id' => flock_id, 'data_dir' => @agent.data_dir)}\n"
    end

    # @return [void]
    # @raise [RuntimeError] with the remedy, where a flock was founded already
    def check!
      lost = remembered
      return if lost.nil? || lost == @agent.found_anew

      raise "#{@agent}: this node has founded the flock #{lost}, whose keys are not in #{@agent.data_dir} any more. A second flock would leave every " \
            "member of the first behind. Restore the hub: `flockctl restore FILE` with what `flockctl backup` wrote, then run #{ChefUtils::Dist::Infra::CLIENT}. " \
            "Without a backup, `found_anew '#{lost}'` of flock_agent (node['flock_of_chefs']['found_anew']) founds a new flock, which every member has to join again"
    end

    private

    def remembered
      read(path)['flock_id'] || @node.read('flock_of_chefs', 'founded')
    end

    def read(file)
      ::File.exist?(file) ? JSON.parse(::File.read(file)) : {}
    rescue JSON::ParserError, SystemCallError
      {}
    end
  end
end
