# frozen_string_literal: true

module FlockOfChefs
  module CLI
    module Verbs
      # The versions of the gem and, where it can be loaded, of its extension.
      class Version < Verb
        # @return [Result]
        def call(_client, _options = {})
          Result.new(data: { "version" => VERSION, "native" => native_version }, text: "flockctl #{VERSION}",
                     name: "version")
        end

        private

        def native_version
          native.version
        rescue LoadError
          nil
        end
      end
    end
  end
end
