# frozen_string_literal: true

require_relative "../errors"
require_relative "schema"

module FlockOfChefs
  module Api
    # The words of a class that includes {Api}. Without a value each tells what was said.
    module Form
      # Most calls at the same time, as the agent admits.
      CONCURRENCY_MAX = 64
      # Most calls that may wait.
      QUEUE_MAX = 10_000
      # Calls that may wait, where nothing else is said.
      QUEUE = 64
      # What is the name of an API or a method.
      NAME = /\A[A-Za-z_][A-Za-z0-9_]{0,126}[?!]?\z/

      # @param name [Symbol, String, nil] by default that of the class, +HumanApi+ → +human_api+
      # @return [String]
      def api_name(name = nil)
        @api_name = word(name, "an API") if name
        @api_name || name_of_class
      end

      # Lets other nodes call these methods; all others stay out of reach.
      #
      # @param names [Array<Symbol, String>] public methods
      # @param help [String, nil] for people
      # @param schema [Hash{Symbol=>String}, nil] the arguments in order, see {Schema}
      # @return [void]
      # @raise [ConfigurationError]
      def expose(*names, help: nil, schema: nil)
        checked = schema && Schema.new(schema)
        names.each { |name| exposed[word(name, "a method")] = { help: help.to_s, schema: checked } }
      end

      # @param text [String, nil] what the API is for
      # @return [String]
      def help(text = nil)
        @help = text.to_s if text
        @help || ""
      end

      # @param calls [Integer, nil] that the object works on at the same time, each on a thread of its own; 1 by default
      # @return [Integer]
      def concurrency(calls = nil)
        @concurrency = number(calls, "concurrency", CONCURRENCY_MAX) if calls
        @concurrency || 1
      end

      # @param calls [Integer, nil] that may wait; beyond them callers are refused at once
      # @return [Integer]
      def queue(calls = nil)
        @queue = number(calls, "queue", QUEUE_MAX) if calls
        @queue || QUEUE
      end

      # @return [Hash{String=>Hash}] help and schema by method
      def exposed = @exposed ||= {}

      private

      # Ruby's hook: such a class is an API of its own, of the methods that it exposes itself.
      def inherited(subclass)
        super
        Registry.note_form(subclass, ::Kernel.caller_locations(1).map(&:path))
      end

      def word(name, what)
        return name.to_s if NAME.match?(name.to_s)

        raise ConfigurationError, "#{self}: #{name.inspect} is no name for #{what}: letters, digits and _"
      end

      def number(value, what, most)
        return value if value.is_a?(Integer) && value.between?(1, most)

        raise ConfigurationError, "#{self}: #{what} is #{value.inspect}; it is a number from 1 to #{most}"
      end

      def name_of_class
        name.to_s.split("::").last.to_s.gsub(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/, "_").downcase
      end
    end
  end
end
