# frozen_string_literal: true

require_relative "../api/celluloid/actors"
require_relative "../api/registry"

module FlockOfChefs
  module Host
    # Loads the code that defines APIs, once per process. Loading starts none of them.
    module Code
      class << self
        # @param order [Hash] what the agent wants served
        # @return [Array<String>] what could not be loaded, and why
        # @raise [Exception] when cookbooks cannot be loaded: they depend on one another
        def load(order)
          Api::Actors.provide
          return load_files(order.fetch("files")) unless order["snapshot_dir"]

          require_relative "cookbooks"
          Cookbooks.load(order.fetch("snapshot_dir"))
          []
        end

        private

        # One that is broken leaves the others be.
        def load_files(files)
          files.filter_map do |file|
            Kernel.load(file)
            nil
          rescue StandardError, ScriptError => e
            warn "flock_of_chefs host: #{e.full_message(highlight: false)}"
            "#{File.basename(file)}: #{e.message.lines.first.to_s.chomp} (#{e.class})"
          end
        end
      end
    end
  end
end
