# frozen_string_literal: true

# Part of a cookbook of examples: services are not there on a machine that only tests; what is done to them is written
# down.
class RecordedService < Chef::Provider::Service
  provides :service

  def load_current_resource
    @current_resource = Chef::Resource::Service.new(new_resource.name).tap do |service|
      service.service_name(new_resource.service_name)
      service.running(true)
      service.enabled(true)
    end
  end

  def define_resource_requirements; end

  %i[start stop restart reload enable disable].each do |verb|
    define_method(:"#{verb}_service") do
      ::File.write("JOURNAL", "#{node.name} #{verb} #{new_resource.name}\n", mode: "a")
    end
  end
end
Chef.set_provider_priority_array(:service, [RecordedService])
