# frozen_string_literal: true

module FlockOfChefs
  module Recipe
    # TERM during a wait. Chef finishes a converge before it heeds one, which is right for an action; but a wait may
    # last for minutes.
    module Termination
      # Ends the wait, wherever that is; no +rescue+ of a block or a resource keeps it.
      class Terminated < Exception; end # rubocop:disable Lint/InheritException

      # Runs the block; at TERM the process ends, with Chef's own exit code for it.
      #
      # @return [Object] the block's
      def self.heeded
        thread = Thread.current
        before = trap("TERM") { thread.raise(Terminated) }
        yield
      rescue Terminated
        require "chef/application"
        ::Chef::Application.fatal!("SIGTERM received while waiting, stopping", ::Chef::Exceptions::SigTerm.new)
      ensure
        trap("TERM", before || "SYSTEM_DEFAULT")
      end
    end
  end
end
