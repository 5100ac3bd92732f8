# frozen_string_literal: true

require_relative "keywords"
require_relative "refused"

module FlockOfChefs
  module Host
    # A class that includes {Api}: one object, whose exposed methods are called.
    class ObjectService
      # @return [String]
      attr_reader :name
      # @return [Integer] calls at the same time
      attr_reader :concurrency

      # @param entry [Api::Registry::Entry]
      # @raise [ConfigurationError] for an exposed method that is not there
      def initialize(entry)
        @class = entry.implementation
        @name = @class.api_name
        @concurrency = @class.concurrency
        @lock = Mutex.new
        missing = @class.exposed.keys.reject { |method| @class.public_method_defined?(method) }
        raise ConfigurationError, "#{@class} exposes #{missing.join(", ")}, no public method of it" if missing.any?

        @object = @class.new
      end

      # @return [Hash]
      def info
        methods = @class.exposed.map do |name, said|
          { name:, help: said[:help], schema: said[:schema] ? said[:schema].to_json : "" }
        end
        { name:, class_name: @class.name.to_s, help: @class.help, methods:, concurrency:, queue: @class.queue }
      end

      # @param call [Api::Call]
      # @param method [String]
      # @param arguments [Array]
      # @param crash [Boolean] whether an exception costs the object: the next call gets a new one
      # @yield what the method yields
      # @return [Object]
      # @raise [Exception] the method's own
      # @raise [Refused] for arguments that its schema does not allow
      def call(call, method, arguments, crash, &block)
        check(method, arguments)
        object = self.object
        values, keywords = Keywords.split(object.method(method), arguments)
        call.run { object.public_send(method, *values, **keywords, &block) }
      rescue Refused
        raise
      rescue StandardError, ScriptError
        replace(object) if crash && object
        raise
      end

      private

      def check(method, arguments)
        Refused.when_raised { @class.exposed.fetch(method)[:schema]&.check(arguments, "#{name}.#{method}") }
      end

      def object = @lock.synchronize { @object ||= @class.new }

      def replace(object)
        @lock.synchronize { @object = nil if @object.equal?(object) }
      end
    end
  end
end
