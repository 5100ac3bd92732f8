provides :flock_api
unified_mode true

description 'A file of Ruby in the apis folder of the agent: classes whose methods other nodes may call. The agent loads it within a second.'

property :api_name, String, name_property: true, regex: /\A[\w-]+\z/, description: "The file's name without .rb."
property :agent, String, default: 'default', description: 'The name of the flock_agent.'
property :content, [String, nil], description: 'The Ruby code.'
property :source, [String, nil], description: "A file of the cookbook's files/ that holds it; NAME.rb unless content is given."
property :cookbook, [String, nil], description: 'The cookbook that has the file.'

action_class do
  include FlockOfChefsCookbook::OfAgent

  def path
    ::File.join(flock_agent!.data_dir, 'apis', "#{new_resource.api_name}.rb")
  end
end

action :create, description: 'Write the file.' do
  directory ::File.dirname(path) do
    recursive true
    mode '0700'
  end
  if new_resource.content
    file path do
      content new_resource.content
      mode '0600'
      sensitive new_resource.sensitive
    end
  else
    cookbook_file path do
      source new_resource.source || "#{new_resource.api_name}.rb"
      cookbook new_resource.cookbook || new_resource.cookbook_name.to_s
      mode '0600'
      sensitive new_resource.sensitive
    end
  end
end

action :delete, description: 'Delete the file; its APIs end.' do
  file path do
    action :delete
  end
end
