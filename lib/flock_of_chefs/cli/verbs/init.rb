# frozen_string_literal: true

require "json"
require_relative "../chef_name"

module FlockOfChefs
  module CLI
    module Verbs
      # Makes this node the first hub of a new flock; the extension writes agent.toml where none exists.
      class Init < Verb
        # Options that go through as they are.
        PLAIN = %i[data_dir socket listen advertise].freeze

        # @option options [String] :config agent.toml
        # @option options [String] :name this node's name; Chef's unless given
        # @option options [String] :chef_config Chef's configuration
        # @option options [String] :data_dir
        # @option options [String] :socket
        # @option options [String] :listen
        # @option options [String] :advertise
        # @return [Result]
        def call(_client, options = {})
          made = JSON.parse(native.init(JSON.generate(request(options))))
          say("next: flockctl agent (or systemctl enable --now flock-agent), then flockctl token create")
          Result.new(data: made)
        end

        private

        # Shared with {Join}.
        def request(options)
          chef = ChefName.new(options[:chef_config])
          name = options[:name] || chef.name
          say("node name #{name}, from #{options[:name] ? "--name" : chef.source}")
          { config: options[:config], name:, chef_config: chef.file, **PLAIN.to_h { |key| [key, options[key]] } }
        end
      end
    end
  end
end
