# frozen_string_literal: true

require "did_you_mean"
require_relative "../errors"
require_relative "patience"
require_relative "request"
require_relative "word"

module FlockOfChefs
  module Recipe
    # Reads the arguments of one +remote_notifies+ or +remote_subscribes+. All mistakes surface here, at compile time,
    # with the recipe's line.
    class Declaration
      # @return [Request]
      attr_reader :request
      # @return [Symbol] +:before+, +:immediately+ or +:delayed+
      attr_reader :timing
      # @return [Patience, nil] how long the run waits for the outcome
      attr_reader :patience

      # @param word [Word]
      # @param resource [Chef::Resource] who declares it
      # @param location [Thread::Backtrace::Location] where
      # @param arguments [Array] action, resource, timing (or nil) and explicit Hash (or nil); a Hash in the timing's
      #   place is taken as the options
      # @param keywords [Hash]
      # @raise [ConfigurationError] with the recipe's file and line, what is wrong and what to write instead
      def initialize(word, resource, location, arguments, keywords)
        @word = word
        @place = "#{location.path}:#{location.lineno}: #{word.name} of #{resource}"
        @location = location
        located { read(*arrange(arguments), keywords) }
      end

      # Names the recipe's file and line in whatever the block raises.
      #
      # @return [Object] the block's value
      # @raise [ConfigurationError] for an ArgumentError; other errors stay what they are
      def located
        yield
      rescue ArgumentError => e
        raise ConfigurationError.new("#{@place}: #{e.message}", code: @word.code)
      rescue StandardError => e
        raise e.exception("#{@place}: #{e.message}")
      end

      private

      def read(action, spec, timing, hash, keywords)
        options = merge(hash, keywords)
        @timing = parse_timing(timing, options)
        check_search(options)
        @patience = Patience.parse(options[:wait], @location)
        @request = Request.parse(action, spec, options.except(:timing, :wait))
      end

      def arrange(arguments)
        arguments[2].is_a?(Hash) && arguments[3].nil? ? arguments.values_at(0, 1, 3, 2) : arguments
      end

      def merge(hash, keywords)
        raise ArgumentError, "#{hash.inspect} is not a Hash of options" unless hash.nil? || hash.is_a?(Hash)

        options = (hash || {}).merge(keywords).transform_keys { |name| name.respond_to?(:to_sym) ? name.to_sym : name }
        unknown = options.keys - @word.options
        raise ArgumentError, unknown_option(unknown.first) unless unknown.empty?

        options
      end

      def unknown_option(name)
        return "#{name}: #{@word.refusals[name]}; leave it out" if @word.refusals.key?(name)

        known = @word.options
        nearest = DidYouMean::SpellChecker.new(dictionary: known.map(&:to_s)).correct(name.to_s).first
        hint = nearest ? "did you mean #{nearest}:?" : "known are #{known.map { |option| "#{option}:" }.join(" ")}"
        "unknown option #{name.is_a?(Symbol) ? "#{name}:" : name.inspect}; #{hint}"
      end

      def check_search(options)
        return unless options.key?(:query) && ::Chef::Config[:solo_legacy_mode]

        raise ArgumentError, "query: needs a Chef server or local mode (chef-client -z); choose by roles:, tags: …"
      end

      def parse_timing(positional, options)
        raise ArgumentError, "the timing is given twice" if positional && options.key?(:timing)

        @word.timing(positional || options.fetch(:timing, :immediately))
      end
    end
  end
end
