# frozen_string_literal: true

require "json"
require_relative "../errors"

module FlockOfChefs
  module Run
    # What a Chef run needs to know of agent.toml.
    #
    # @!attribute [r] data_dir
    #   @return [String] the agent's directory
    # @!attribute [r] socket
    #   @return [String] the agent's local socket
    Settings = Struct.new(:data_dir, :socket, keyword_init: true) do
      class << self
        # Where the resolved configuration comes from.
        #
        # @return [#call] gives JSON
        attr_writer :source

        # Reads agent.toml once for each process. The first call maps the native library.
        #
        # @return [Settings]
        # @raise [ConfigurationError] if there is none or it is wrong, with the remedy
        def current
          raise @error if @error

          @current ||= load
        end

        # Forgets what was read.
        #
        # @return [void]
        def reset = @current = @error = nil

        private

        def source = @source || -> { FlockOfChefs::Native.config(nil) }

        def load
          config = JSON.parse(source.call)
          new(**members.to_h { |member| [member, config.fetch(member.to_s)] }).freeze
        rescue StandardError, ScriptError => e
          @error = ConfigurationError.new("this node is not set up: #{e.message}. Run `flockctl init` or " \
                                          "`flockctl join`, and `flockctl doctor` to check", code: "not_configured")
          raise @error
        end
      end
    end
  end
end
