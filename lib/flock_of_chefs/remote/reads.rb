# frozen_string_literal: true

module FlockOfChefs
  module Remote
    # What a block reads of other nodes: a wait collects it, to be woken when one of these changes.
    #
    # @!attribute [r] node
    #   @return [String]
    # @!attribute [r] topic
    #   @return [String, nil] "run", "attributes", "presence" or "api:NAME"; nil = nothing tells when it changes
    # @!attribute [r] version
    #   @return [String] of what was read; "" = it could not be read
    # @!attribute [r] description
    #   @return [String] for people, for example +"bender0.flock_api.active"+
    # @!attribute [r] value
    #   @return [Object] what was read, or the error that was raised instead
    # @api private
    Read = Struct.new(:node, :topic, :version, :description, :value, keyword_init: true)

    # Collects the reads of a block in this thread.
    # @api private
    module Reads
      # Reads of one block that are kept; of the ones beyond nobody is woken.
      LIMIT = 100

      class << self
        # @param reads [Array<Read>] is added to, also if the block raises
        # @yieldreturn [Object]
        # @return [Object] what the block answers
        def collect(reads)
          outer = Thread.current[:flock_reads]
          Thread.current[:flock_reads] = reads
          yield
        ensure
          Thread.current[:flock_reads] = outer
        end

        # @param read [Read]
        # @return [void]
        def note(read)
          reads = Thread.current[:flock_reads]
          reads << read if reads && reads.size < LIMIT
        end
      end
    end
  end
end
