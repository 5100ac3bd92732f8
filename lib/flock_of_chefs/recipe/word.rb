# frozen_string_literal: true

require_relative "targets"

module FlockOfChefs
  module Recipe
    # What the arguments of one word of the recipe language may be. All else about them is the same for all words.
    #
    # @!attribute [r] name
    #   @return [String] as recipes write it
    # @!attribute [r] code
    #   @return [String] of the error that a mistake raises
    # @!attribute [r] options
    #   @return [Array<Symbol>] what may be written after the resource
    # @!attribute [r] timings
    #   @return [Hash{String=>Symbol}] what is written => what Chef calls it
    # @!attribute [r] refusals
    #   @return [Hash{Symbol=>String}] options and timings that another word has => why this one has not
    Word = Struct.new(:name, :code, :options, :timings, :refusals, keyword_init: true) do
      # @param timing [Symbol, String]
      # @return [Symbol] Chef's name of it
      # @raise [ArgumentError] what is wrong and what to write instead
      def timing(timing)
        timings.fetch(timing.to_s) do
          known = timings.values.uniq.map(&:inspect)
          why = refusals.fetch(timing.to_s.to_sym, "is unknown")
          raise ArgumentError, "timing #{timing.inspect} #{why}; use #{known[0...-1].join(", ")} or #{known.last}"
        end
      end
    end

    class Word
      # Timings that both ends have.
      AFTER = { "immediate" => :immediately, "immediately" => :immediately, "delayed" => :delayed }.freeze
      # +remote_notifies+
      NOTIFIES = new(name: "remote_notifies", code: "invalid_notification", timings: { "before" => :before, **AFTER },
                     options: [*Targets::OPTIONS, :match, :when_none, :ttl, :retry, :timing, :wait].freeze,
                     refusals: {}.freeze).freeze
      # +remote_subscribes+
      SUBSCRIBES = new(name: "remote_subscribes", code: "invalid_subscription", timings: AFTER,
                       options: [*Targets::OPTIONS, :ttl, :retry, :timing].freeze,
                       refusals: {
                         match: "cannot be: every node that is chosen is a source",
                         when_none: "cannot be: a subscription waits for its sources anyway",
                         wait: "cannot be: what it asks for happens when this run is over",
                         before: "cannot be: another node's resource does not wait for this one"
                       }.freeze).freeze
    end
  end
end
