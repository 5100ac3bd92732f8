# frozen_string_literal: true

module FlockOfChefs
  # The root of everything that this library raises.
  #
  # @!attribute [r] code
  #   @return [String] a stable word for programs, for example +"denied"+
  class Error < StandardError
    # @return [String] a stable word for programs
    attr_reader :code

    # @param message [String] what happened and what to do about it
    # @param code [String] a stable word for programs
    # @param retryable [Boolean] whether the same request may succeed later
    def initialize(message = nil, code: self.class.default_code, retryable: self.class.default_retryable)
      super(message)
      @code = code
      @retryable = retryable
    end

    # @return [Boolean] whether the same request may succeed later
    def retryable? = @retryable

    class << self
      # @return [String] the class's own code, +"not_started"+ for NotStartedError
      def default_code = name.split("::").last.delete_suffix("Error").gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase

      # @return [Boolean]
      def default_retryable = false
    end
  end

  # The configuration or the command line is wrong.
  class ConfigurationError < Error; end
  # A native object is used before start or after stop.
  class NotStartedError < Error; end
  # Native code is used in a forked child of the process that started it.
  class ForkError < Error; end

  # The agent or the other node cannot be reached.
  class ConnectionError < Error
    # @return [Boolean]
    def self.default_retryable = true
  end

  # The deadline passed.
  class TimeoutError < Error
    # @return [Boolean]
    def self.default_retryable = true
  end

  # No node has that name.
  class NodeNotFoundError < Error; end
  # No such resource is known on the node.
  class ResourceNotFoundError < Error; end
  # Policy or identity forbids it.
  class DeniedError < Error; end

  # A limit is reached; it may be asked for again later.
  class RejectedError < Error
    # @return [Boolean]
    def self.default_retryable = true
  end

  # Whether it happened cannot be known.
  class OutcomeUnknownError < Error; end
  # The two ends speak different protocols, or a message is malformed.
  class ProtocolError < Error; end

  # The other end raised an error of its own: a method of an API, or an agent.
  class RemoteError < Error
    # @return [String, nil] the name of the class that the method raised; a name only, no such class need be here
    attr_reader :remote_class
    # @return [Array<String>] where it raised, without paths beyond its own code
    attr_reader :remote_backtrace

    # @param message [String]
    # @param remote_class [String, nil]
    # @param remote_backtrace [Array<String>, nil]
    def initialize(message = nil, remote_class: nil, remote_backtrace: nil, **options)
      super(message, **options)
      @remote_class = remote_class
      @remote_backtrace = remote_backtrace || []
    end
  end

  # A fault of ours.
  class InternalError < Error; end
end
