# frozen_string_literal: true

require "tempfile"

module FlockOfChefs
  module Worker
    # Temporary files that are left to Ruby's finalizers, which a process that ends by +exit!+ does not run.
    module Tempfiles
      # Notes each new one, without keeping it from being collected.
      module Noted
        # As Tempfile's own.
        def initialize(...)
          super
          Tempfiles.note(self)
        end
      end

      class << self
        # Removes, in the end, what this process makes from now on; what it inherited is not its own.
        #
        # @return [void]
        def watch
          @made = ObjectSpace::WeakMap.new
          Tempfile.prepend(Noted)
        end

        # @param tempfile [Tempfile]
        # @return [void]
        def note(tempfile) = @made[tempfile] = true

        # @return [void]
        def remove
          @made&.each_key do |tempfile|
            tempfile.close!
          rescue SystemCallError, IOError
            nil # it went by itself
          end
        end
      end
    end
  end
end
