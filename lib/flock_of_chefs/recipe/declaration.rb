# frozen_string_literal: true

require "did_you_mean"
require_relative "../errors"
require_relative "request"

module FlockOfChefs
  module Recipe
    # Reads the arguments of one +remote_notifies+. All mistakes surface here, at compile time, with the recipe's line.
    class Declaration
      # What may be written after the resource, besides the targets.
      OPTIONS = [*Targets::OPTIONS, :match, :when_none, :ttl, :retry, :timing].freeze
      # What is written => what Chef calls it.
      TIMINGS = { "before" => :before, "immediate" => :immediately, "immediately" => :immediately,
                  "delayed" => :delayed }.freeze

      # @return [Request]
      attr_reader :request
      # @return [Symbol] +:before+, +:immediately+ or +:delayed+
      attr_reader :timing

      # @param resource [Chef::Resource] who declares it
      # @param location [Thread::Backtrace::Location] where
      # @param arguments [Array] action, resource, timing (or nil) and explicit Hash (or nil); a Hash in the timing's
      #   place is taken as the options
      # @param keywords [Hash]
      # @raise [ConfigurationError] with the recipe's file and line, what is wrong and what to write instead
      def initialize(resource, location, arguments, keywords)
        action, spec, timing, hash = arrange(arguments)
        options = merge(hash, keywords)
        @timing = parse_timing(timing, options)
        check_search(options)
        @request = Request.parse(action, spec, options.except(:timing))
      rescue ArgumentError => e
        place = "#{location.path}:#{location.lineno}: remote_notifies of #{resource}"
        raise ConfigurationError.new("#{place}: #{e.message}", code: "invalid_notification")
      end

      private

      def arrange(arguments)
        arguments[2].is_a?(Hash) && arguments[3].nil? ? arguments.values_at(0, 1, 3, 2) : arguments
      end

      def merge(hash, keywords)
        raise ArgumentError, "#{hash.inspect} is not a Hash of options" unless hash.nil? || hash.is_a?(Hash)

        options = (hash || {}).merge(keywords).transform_keys { |name| name.respond_to?(:to_sym) ? name.to_sym : name }
        unknown = options.keys - OPTIONS
        raise ArgumentError, unknown_option(unknown.first) unless unknown.empty?

        options
      end

      def unknown_option(name)
        nearest = DidYouMean::SpellChecker.new(dictionary: OPTIONS.map(&:to_s)).correct(name.to_s).first
        hint = nearest ? "did you mean #{nearest}:?" : "known are #{OPTIONS.map { |option| "#{option}:" }.join(" ")}"
        "unknown option #{name.is_a?(Symbol) ? "#{name}:" : name.inspect}; #{hint}"
      end

      def check_search(options)
        return unless options.key?(:query) && ::Chef::Config[:solo_legacy_mode]

        raise ArgumentError, "query: needs a Chef server or local mode (chef-client -z); choose by roles:, tags: …"
      end

      def parse_timing(positional, options)
        raise ArgumentError, "the timing is given twice" if positional && options.key?(:timing)

        given = positional || options.fetch(:timing, :immediately)
        TIMINGS.fetch(given.to_s) do
          raise ArgumentError, "timing #{given.inspect} is unknown; use :before, :immediately or :delayed"
        end
      end
    end
  end
end
