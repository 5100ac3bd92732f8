# frozen_string_literal: true

require_relative "../errors"

# How long recipes wait.
module FlockOfChefs
  # Seconds that +wait_until+ and +wait_while+ wait when they name none.
  @wait_timeout = 600

  class << self
    # @return [Numeric] seconds; client.rb may set another: +FlockOfChefs.wait_timeout = 1200+
    attr_accessor :wait_timeout
  end

  module Recipe
    # What one +wait_until+ or +wait_while+ asks for.
    #
    # @!attribute [r] word
    #   @return [Symbol] +:wait_until+ or +:wait_while+
    # @!attribute [r] block
    #   @return [Proc]
    # @!attribute [r] pause_s
    #   @return [Numeric] before the block is asked again though nothing has changed; doubles up to ten seconds
    # @!attribute [r] timeout_s
    #   @return [Numeric, nil] nil = {FlockOfChefs.wait_timeout}
    # @!attribute [r] on_timeout
    #   @return [Symbol] +:fail+, +:skip+ or +:continue+
    # @!attribute [r] message
    #   @return [String, nil] what is waited for, for people
    # @!attribute [r] stable_for_s
    #   @return [Numeric] how long it must have been so
    # @!attribute [r] place
    #   @return [String] +"cb/recipes/default.rb:12"+
    Wait = Struct.new(:word, :block, :pause_s, :timeout_s, :on_timeout, :message, :stable_for_s, :place,
                      keyword_init: true) do
      # @param word [Symbol]
      # @param pause [Numeric, nil]
      # @param options [Hash]
      # @param block [Proc, nil]
      # @param place [String]
      # @return [Wait]
      # @raise [ArgumentError] what is wrong and what to write instead
      def self.parse(word, pause, options, block, place)
        raise ArgumentError, "a block says what is waited for" unless block

        unknown = options.keys - Wait::OPTIONS
        raise ArgumentError, "unknown option #{unknown.first.inspect}; known are #{Wait::OPTIONS.join(", ")}" \
          if unknown.any?

        new(word:, block:, place:, pause_s: seconds("the pause", pause) || Wait::PAUSE_S,
            timeout_s: seconds("timeout:", options[:timeout]),
            stable_for_s: seconds("stable_for:", options[:stable_for]) || 0,
            on_timeout: manner(options.fetch(:on_timeout, :fail)), message: options[:message]&.to_s).freeze
      end

      def self.seconds(what, value)
        return value if value.nil? || (value.is_a?(Numeric) && value.real? && value >= 0 && value.finite?)

        raise ArgumentError, "#{what} is a number of seconds, not #{value.inspect}"
      end
      private_class_method :seconds

      def self.manner(value)
        return value.to_sym if Wait::MANNERS.include?(value.to_s)

        raise ArgumentError, "on_timeout: is :fail, :skip or :continue, not #{value.inspect}"
      end
      private_class_method :manner

      # @param value [Object] what the block answered
      # @return [Boolean] whether that is what is waited for
      def satisfied_by?(value) = (word == :wait_until) == (value ? true : false)

      # @return [Numeric] seconds
      def limit_s = timeout_s || FlockOfChefs.wait_timeout
    end

    class Wait
      # The first pause before the block is asked again.
      PAUSE_S = 1.0
      # What may be written after the pause.
      OPTIONS = %i[timeout on_timeout message stable_for].freeze
      # What may happen when the time is up.
      MANNERS = %w[fail skip continue].freeze
    end
  end
end
