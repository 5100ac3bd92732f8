# frozen_string_literal: true

module FlockOfChefs
  module Api
    # What is put before Celluloid's own methods, whoever defines them.
    # @api private
    module Supervision
      # Before +Celluloid.included+.
      module Inclusion
        # @param base [Class]
        # @return [void]
        def included(base)
          super
          base.singleton_class.prepend(Noted)
        end
      end

      # Before the class methods of a class that includes Celluloid.
      module Noted
        # @param name [Symbol, String]
        # @param arguments [Array] of +initialize+
        # @return [Object, nil] nil while code is loaded
        # @example
        #   BenderCookbook::HumanApi.supervise_as :human_api
        def supervise_as(name, *arguments, &)
          supervise({ as: name, args: arguments }, &)
        end

        # @param config [Hash] as: and args:
        # @return [Object, nil] nil while code is loaded
        def supervise(config = {}, &)
          return super if Actors.live?

          name = config[:as]
          Registry.note_actor(name, self, Array(config[:args]), caller_locations(1).map(&:path)) if name
          nil
        end
      end
    end
  end
end
