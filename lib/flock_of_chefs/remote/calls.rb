# frozen_string_literal: true

require "json"
require_relative "../errors"
require_relative "../calls/value"
require_relative "../run/calls"
require_relative "reads"

module FlockOfChefs
  # The nodes of the flock as Ruby sees them; see {FlockOfChefs.[]}.
  module Remote
    # The API that every node has.
    FLOCK_API = "flock_api"

    # One call of a method of a node's API.
    #
    # @!attribute [r] node
    #   @return [String]
    # @!attribute [r] api
    #   @return [String] empty = the one that has the method
    # @!attribute [r] name
    #   @return [String] the method's
    # @!attribute [r] arguments
    #   @return [Array]
    # @!attribute [r] timeout_ms
    #   @return [Integer]
    # @!attribute [r] receipt
    #   @return [Boolean] whether it is enough that the call was taken in there
    Call = Struct.new(:node, :api, :name, :arguments, :timeout_ms, :receipt, keyword_init: true) do
      # @return [String] for people
      def to_s = [node, *(api unless api.empty?), name].join(".")
    end

    # Makes calls, through the agent of this node.
    class Calls
      # Deadline of a call that names none.
      TIMEOUT_MS = 10_000
      # What a read that failed has learned: there is such a node, but no such API.
      ABSENT = { "no_api" => "absent" }.freeze

      class << self
        # @return [Calls] of this process
        attr_writer :current

        # Made at first use: that maps the native library.
        #
        # @return [Calls]
        def current = @current ||= new
      end

      # @param client [LocalClient, nil] nil = the configured one, once it is needed
      def initialize(client = nil)
        @client = client
        @lock = Mutex.new
      end

      # @param call [Call]
      # @return [Object] what the method answered
      # @raise [RemoteError] when the method raised; other {Error}s when it could not be called, within the call's time
      def call(call)
        arguments = call.arguments.each_with_index.map { |one, n| Value.dump(one, "argument #{n + 1} of #{call}") }
        answer = recorded(call, "[#{arguments.join(",")}]")
        value = FlockOfChefs::Calls::Value.load(answer["result"])
        note(call, answer, value)
        value
      rescue Error => e
        note_failure(call, e)
        raise
      end

      # Asks the agent of this node.
      #
      # @param operation [String] as {LocalClient#call} takes it
      # @param body [Hash]
      # @return [Hash]
      # @raise [Error]
      def ask(operation, body)
        return client.call(operation, body) unless Run::Calls.recipe_body?

        Run::Calls.remote(operation, [body]) { client.call(operation, body) }
      end

      # @return [LocalClient]
      def client = @client || @lock.synchronize { @client ||= own_client }

      private

      def own_client
        job = Worker.job if defined?(Worker) && Worker.respond_to?(:job)
        return LocalClient.configured unless job

        Subprocess.new(job.socket, job.data_dir)
      end

      # The codec's name here.
      Value = FlockOfChefs::Calls::Value
      private_constant :Value

      # Recipe bodies are compiled again by a worker, which answers from the record.
      def recorded(call, arguments)
        return invoke(call, arguments) unless Run::Calls.recipe_body?

        Run::Calls.remote(call.to_s, [arguments]) { invoke(call, arguments) }
      end

      def invoke(call, arguments)
        request = { node: call.node, api: call.api, method: call.name, receipt: call.receipt || false }
        answer = client.invoke(request, arguments, timeout_ms: call.timeout_ms)
        fault = answer["fault"] or return answer

        raise RemoteError.new("#{fault["class_name"]} in #{call}: #{fault["message"]}",
                              remote_class: fault["class_name"], remote_backtrace: fault["backtrace"])
      end

      def note(call, answer, value)
        Reads.note(read(call, answer["topic"], answer["version"], value))
        Reads.note(read(call, nil, "", value)) if answer["polled"]
      end

      # A node or an API that is not there yet may come.
      def note_failure(call, error)
        topic = call.api == FLOCK_API ? builtin_topic(call) : "api:#{call.api}"
        topic = nil if call.api.empty? || call.api == "api:"
        Reads.note(read(call, topic, ABSENT.fetch(error.code, ""), error))
        Reads.note(read(call, nil, "", error)) if error.is_a?(RemoteError)
      end

      def builtin_topic(call) = call.name == "node" ? "attributes" : "run"

      def read(call, topic, version, value)
        Read.new(node: call.node, topic: topic, version: version, description: call.to_s, value: value)
      end
    end
  end
end
