module FlockOfChefsCookbook
  # For recipes.
  module Addresses
    # @param node [Chef::Node]
    # @return [String] where the agent listens, IP:PORT; empty = nowhere
    def self.listen(node)
      flock = node['flock_of_chefs']
      flock['dial_out_only'] ? '' : join(bind_ip(node) || '0.0.0.0', flock['port'])
    end

    # @param node [Chef::Node]
    # @return [String, nil] how others reach it
    def self.advertise(node)
      flock = node['flock_of_chefs']
      return flock['advertise'] if flock['advertise'] || flock['dial_out_only']

      ip = bind_ip(node)
      ip = node['ipaddress'] || node['ip6address'] if ip.nil? || %w(0.0.0.0 ::).include?(ip)
      ip && join(ip, flock['port'])
    end

    class << self
      private

      def bind_ip(node)
        bind = node['flock_of_chefs']['bind_addr']
        bind['device'] ? of_device(node, bind['device']) : bind['ip_address']
      end

      # Its first IPv4 address, else its first IPv6 address that others can use.
      def of_device(node, device)
        addresses = node.read('network', 'interfaces', device, 'addresses') ||
                    raise("flock_of_chefs: bind_addr.device is #{device.inspect}, which this node does not have; it has #{node.read('network', 'interfaces').to_h.keys.join(', ')}")
        of_family(addresses, 'inet') || of_family(addresses, 'inet6') ||
          raise("flock_of_chefs: bind_addr.device is #{device.inspect}, which has no address")
      end

      def of_family(addresses, family)
        found = addresses.find { |_, facts| facts['family'] == family && facts['scope'].to_s.casecmp('link') != 0 }
        found&.first
      end

      def join(ip, port)
        "#{ip.include?(':') ? "[#{ip}]" : ip}:#{port}"
      end
    end
  end

  # For the actions of resources that belong to a flock_agent.
  module OfAgent
    # @return [Chef::Resource] the flock_agent that the resource belongs to
    # @raise [RuntimeError] with the remedy
    def flock_agent!
      find_resource!(:flock_agent, new_resource.agent)
    rescue Chef::Exceptions::ResourceNotFound
      raise "#{new_resource}: there is no flock_agent[#{new_resource.agent}] in this run; declare it, or include_recipe 'flock_of_chefs'"
    end

    # @return [Boolean] whether the node is a member of a flock
    def enrolled?(agent = flock_agent!)
      ::File.exist?(::File.join(agent.data_dir, 'identity', 'identity.json'))
    end
  end
end
