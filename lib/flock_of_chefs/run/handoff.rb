# frozen_string_literal: true

require_relative "agent_handoff"
require_relative "collected_handoff"

module FlockOfChefs
  module Run
    # Where a recipe's notifications go: to this node's agent or, in a worker's child, into its result file.
    #
    #     FlockOfChefs::Run::Handoff.current.append({ "key" => "execute[x]", "action" => "run", … }) # => the id
    #
    # A hand-off answers +append(draft)+, which returns the id, and +poke(event)+, which never raises.
    module Handoff
      # A converge is the first link of its chain.
      NO_CAUSE = { chain: [].freeze, cause_root: "" }.freeze

      class << self
        # @return [#append] what sends; for tests and workers
        attr_writer :current

        # The notification that the present action is run for; a worker sets it before the action.
        #
        # @return [Hash] +chain:+ (Array of +{"node", "key", "action"}+, this node's own hop last) and +cause_root:+
        #   (String)
        attr_writer :cause

        # @return [Hash]
        def cause = @cause || NO_CAUSE

        # Made at first use: that maps the native library.
        #
        # @return [AgentHandoff, CollectedHandoff]
        # @raise [ConfigurationError] if this node is not set up
        def current = @current ||= AgentHandoff.new

        # Sends nothing from now on; drafts are collected. For processes that fork, which may not map native code.
        #
        # @param collector [#<<] takes drafts, complete with id and cause
        # @return [void]
        def redirect(collector)
          @current = CollectedHandoff.new(collector)
        end

        # @return [Boolean]
        def redirected? = @current.is_a?(CollectedHandoff)

        # Begins a new run, with a new budget; a redirection stays.
        #
        # @return [void]
        def begin_run
          @current = nil unless redirected?
        end

        # Completes a draft. The id is made here, in the recipe's process: an answer that comes too late and a spool
        # file are then one notification, not two.
        #
        # @param draft [Hash{String=>Object}]
        # @param id [String] UUID of version 7
        # @return [Hash{String=>Object}]
        def complete(draft, id)
          { "id" => id, **draft, "chain" => cause.fetch(:chain), "cause_root" => cause.fetch(:cause_root) }
        end
      end
    end
  end
end
