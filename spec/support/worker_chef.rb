# frozen_string_literal: true

require "tmpdir"
require "chef"
require "chef/action_collection"
require "chef/cookbook/cookbook_collection"
require "chef/cookbook_loader"
require "chef/event_dispatch/dispatcher"
require "chef/run_context"
require "flock_of_chefs/run/cards"

# Chef's objects in this process, without a run.
module WorkerChef
  module_function

  # @return [Chef::RunContext]
  def run_context(cookbook_path: nil, node: Chef::Node.new.tap { |n| n.name("bender1") })
    Chef::RunContext.new(node, cookbooks(cookbook_path), Chef::EventDispatch::Dispatcher.new)
  end

  def cookbooks(path)
    return Chef::CookbookCollection.new({}) unless path

    loader = Chef::CookbookLoader.new(path)
    loader.load_cookbooks
    Chef::CookbookCollection.new(loader)
  end

  # Declares a resource as a recipe would.
  def declare(run_context, type, name, &)
    recipe = Chef::Recipe.new("cb", "default", run_context)
    recipe.declare_resource(type, name, created_at: "/cookbooks/cb/recipes/default.rb:7:in `from_file'", &)
  end
end
