# frozen_string_literal: true

require "json"
require_relative "init"
require_relative "../../operator_client"

module FlockOfChefs
  module CLI
    module Verbs
      # Makes a person an operator of a flock: the identity goes into a folder of theirs.
      class JoinOperator < Verb
        # What only a node has.
        OF_NODES = [:name, :chef_config, *Init::PLAIN].freeze

        # @option options [String] :join_string what `flockctl token create --operator NAME` printed
        # @option options [Boolean] :replace put it in the place of the identity that is there
        # @return [Result]
        def call(_client, options)
          refuse_options_of_nodes(options)
          learned = enrol(options.fetch(:join_string), options[:replace] ? true : false)
          ends = Value.text("expires_ms", learned["certificate_expires_ms"])
          say("you are #{learned["name"]}: key and certificate are in #{learned["dir"]}, good until #{ends} " \
              "and renewed by use")
          say("next: flockctl nodes, or knife flock nodes")
          Result.new(data: learned)
        end

        private

        def enrol(join, replace)
          request = JSON.generate(join:, dir: OperatorClient.dir, replace:)
          JSON.parse(native.join_operator(request, Join::TIMEOUT_MS))
        end

        def refuse_options_of_nodes(options)
          given = OF_NODES.find { |name| options[name] } or return

          raise ConfigurationError, "--#{given.to_s.tr("_", "-")} is for nodes: leave it out with --operator"
        end
      end
    end
  end
end
