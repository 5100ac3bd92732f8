# frozen_string_literal: true

require_relative "targets"

module FlockOfChefs
  module Recipe
    # What one word of the recipe language takes.
    #
    # @!attribute [r] name
    #   @return [String] as recipes write it
    # @!attribute [r] options
    #   @return [Array<Symbol>] what may be written after the resource
    # @!attribute [r] timings
    #   @return [Hash{String=>Symbol}] what is written => what Chef calls it
    # @!attribute [r] meaningless
    #   @return [Hash{Symbol=>String}] options of other words => why this one has none
    Word = Struct.new(:name, :options, :timings, :meaningless, keyword_init: true) do
      # @return [String] the timings, for people
      def timing_list
        names = timings.values.uniq.map(&:inspect)
        [names[0..-2].join(", "), names.last].reject(&:empty?).join(" or ")
      end
    end

    # How both ends write what is not +:before+.
    AFTERWARDS = { "immediate" => :immediately, "immediately" => :immediately, "delayed" => :delayed }.freeze
    # See {Notifies}.
    NOTIFIES = Word.new(
      name: "remote_notifies", options: [*Targets::OPTIONS, :match, :when_none, :ttl, :retry, :timing],
      timings: { "before" => :before, **AFTERWARDS }, meaningless: {}
    ).freeze
    # See {Subscribes}.
    SUBSCRIBES = Word.new(
      name: "remote_subscribes", options: [*Targets::OPTIONS, :ttl, :retry, :timing], timings: AFTERWARDS,
      meaningless: { match: "it subscribes to every node that fits",
                     when_none: "it waits for a node that fits as long as it is declared" }
    ).freeze
  end
end
