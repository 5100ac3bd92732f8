# frozen_string_literal: true

require_relative "../errors"
require_relative "../run/call_site"

module FlockOfChefs
  module Worker
    # A recipe body asked for something beyond this node that a compile must not ask for again. No StandardError: a
    # recipe's own rescue shall not take it for a failed call.
    class CompileEffect < Exception # rubocop:disable Lint/InheritException
      # @return [String]
      def code = "compile_effect"
    end

    # What may not leave a worker. In recipe bodies it spoils the compile, even if the recipe rescues everything; in an
    # action it fails the resource.
    module Effects
      class << self
        # @return [CompileEffect, nil] the first one of the compile
        attr_reader :first

        # @return [Boolean]
        def compiling? = @compiling || false

        # Runs the block as a compile.
        #
        # @raise [CompileEffect] if there was one, whatever the recipe made of it
        def watch
          @compiling = true
          yield.tap { raise first if first }
        ensure
          @compiling = false
        end

        # @param call [String] what was called
        # @param reason [String] why it is refused, with the remedy
        # @raise [CompileEffect, DeniedError]
        def refuse(call, reason)
          message = "#{call} at #{Run::CallSite.here}: #{reason}"
          raise DeniedError.new(message, code: "not_in_worker") unless @compiling

          effect = CompileEffect.new(message)
          @first ||= effect
          raise effect
        end
      end
    end
  end
end
