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
          made = enter(options) { |request| native.init(request) }
          say("next: flockctl agent (or systemctl enable --now flock-agent), then flockctl token create")
          Result.new(data: made)
        end

        private

        # Shared with {Join}.
        def enter(options, **more)
          chef = ChefName.new(options[:chef_config])
          made = JSON.parse(yield(JSON.generate(**request(options, chef), **more)))
          say("node name #{made["name"]}, from #{source(options, chef, made)}")
          made
        end

        def request(options, chef)
          { config: options[:config], name: options[:name], default_name: options[:name] ? nil : chef.name,
            chef_config: chef.file, **PLAIN.to_h { |key| [key, options[key]] } }
        end

        def source(options, chef, made)
          return made["config"] unless made["config_written"]

          options[:name] ? "--name" : chef.source
        end
      end
    end
  end
end
