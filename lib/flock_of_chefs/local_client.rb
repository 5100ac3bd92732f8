# frozen_string_literal: true

require "json"

module FlockOfChefs
  # {Native::Client} in Ruby's own terms: hashes in, hashes out, with a deadline for everybody who names none.
  #
  # @example
  #   client = FlockOfChefs::LocalClient.configured("/etc/flock/agent.toml")
  #   client.call("nodes", { name: "" })["nodes"].map { |node| node["name"] }
  class LocalClient
    # Deadline of a call that names none.
    TIMEOUT_MS = 10_000

    class << self
      # @param path [String, nil] the agent's configuration; nil = `$FLOCK_CONFIG`, else `/etc/flock/agent.toml`
      # @return [LocalClient] for the agent of this node
      # @raise [ConfigurationError]
      def configured(path = nil, native: Native)
        config = JSON.parse(native.config(path))
        new(native::Client.new(JSON.generate(config.slice("socket", "data_dir"))), config)
      end
    end

    # @return [Hash] the resolved configuration
    attr_reader :config

    # @param native [Native::Client]
    # @param config [Hash]
    def initialize(native, config = {})
      @native = native
      @config = config
    end

    # @param operation [String] a local operation, for example +"nodes"+
    # @param body [Hash] the request, named as in proto/flock/v1/local.proto
    # @param timeout_ms [Integer]
    # @return [Hash]
    # @raise [ConnectionError] when no agent answers
    # @raise [TimeoutError]
    def call(operation, body = {}, timeout_ms: TIMEOUT_MS)
      JSON.parse(@native.call(operation, JSON.generate(body), timeout_ms))
    end

    # Calls a method of a node's API.
    #
    # @param request [Hash] +node:+, +api:+, +method:+ and what else proto/flock/v1/common.proto's CallRequest has
    # @param arguments [String] a JSON array, handed through as it is
    # @return [Hash{String=>Object}] "result" (JSON), "topic", "version", "polled", "fault", "yields" (JSON each),
    #   "stream"
    # @raise [Error] when it could not be called
    def invoke(request, arguments, timeout_ms: TIMEOUT_MS)
      result, topic, version, polled, fault, yields, stream =
        @native.invoke(JSON.generate(request), arguments, timeout_ms)
      fault &&= JSON.parse(fault)
      { "result" => result, "topic" => topic, "version" => version, "polled" => polled, "fault" => fault,
        "yields" => yields, "stream" => stream }
    end

    # @param draft [Hash] a notification
    # @param spool [Boolean] whether it is kept in the spool when no agent answers
    # @return [Hash] with "where": "outbox" or, with no agent there, "spool"
    # @raise [ConnectionError] when it may not be spooled
    def append(draft, timeout_ms: TIMEOUT_MS, spool: true)
      return { "where" => "outbox", **call("append", draft, timeout_ms:) } unless spool

      JSON.parse(@native.append(JSON.generate(draft), timeout_ms))
    end
  end
end
