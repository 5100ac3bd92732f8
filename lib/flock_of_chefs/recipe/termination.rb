# frozen_string_literal: true

module FlockOfChefs
  module Recipe
    # TERM of a Chef run that waits. Chef finishes a converge before it heeds one, which is right for an action; but a
    # wait may last for minutes. So the run ends at the wait that it is in, or else at its next one; Chef then still
    # runs the delayed notifications, which wait for nothing any more.
    module Termination
      # Ends the run, wherever it waits. No +rescue+ of a block, +ignore_failure+ or +retries+ keeps it, and Chef ends
      # with its own exit code for TERM, forked or not.
      class Terminated < Exception # rubocop:disable Lint/InheritException
        def initialize(message = "SIGTERM received while waiting, stopping") = super

        # Chef's way to see what a failure is made of.
        #
        # @return [Array<Exception>]
        def wrapped_errors = [::Chef::Exceptions::SigTerm.new(message)]
      end

      class << self
        # A run begins, the only one of its process: a TERM that comes while nothing waits is remembered, beside what
        # Chef does at one.
        #
        # @return [void]
        def watch
          chefs = trap("TERM") do |signal|
            @asked = true
            chefs.call(signal) if chefs.respond_to?(:call)
          end
          trap("TERM", chefs || "SYSTEM_DEFAULT") unless chefs.respond_to?(:call)
        end

        # @return [Boolean] whether this run was told to end
        def asked? = @asked || false

        # Runs the block, which waits; TERM ends it.
        #
        # @return [Object] the block's
        # @raise [Terminated]
        def heeded(&waits)
          waiting = Thread.current
          Thread.handle_interrupt(Terminated => :never) do
            before = trap("TERM") do
              @asked = @ended = true
              waiting.raise(Terminated)
            end
            Thread.handle_interrupt(Terminated => :immediate, &waits)
          ensure
            trap("TERM", before || "SYSTEM_DEFAULT")
          end
        end

        # Ends the run, the first time; after that, what is still run goes on without what it waits for.
        #
        # @return [void]
        # @raise [Terminated]
        def end_run
          return if @ended

          @ended = true
          raise Terminated
        end
      end
    end
  end
end
