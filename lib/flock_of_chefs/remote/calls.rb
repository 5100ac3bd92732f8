# frozen_string_literal: true

require "json"
require_relative "../errors"
require_relative "../calls/value"
require_relative "../run/calls"
require_relative "reads"
require_relative "stream"

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
    # @!attribute [r] crash_on_error
    #   @return [Boolean] whether an exception costs the object that raised it
    # @api private
    Call = Struct.new(:node, :api, :name, :arguments, :timeout_ms, :receipt, :crash_on_error, keyword_init: true) do
      # @return [String] for people
      def to_s = [node, *(api unless api.empty?), name].join(".")
    end

    # Makes calls, through the agent of this node.
    # @api private
    class Calls
      # Deadline of a call that names none.
      TIMEOUT_MS = 10_000
      # What a read that failed has learned, as its node tells the version of what is not there.
      ABSENT = { "no_api" => "absent", "api_down" => "absent", "no_snapshot" => "none" }.freeze

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
      # @yield what the method yields, each time; answers nothing to it
      # @return [Object] what the method answered
      # @raise [RemoteError] when the method raised; other {Error}s when it could not be called, within the call's time
      def call(call, &block)
        arguments = call.arguments.each_with_index.map { |one, n| Value.dump(one, "argument #{n + 1} of #{call}") }
        arguments = "[#{arguments.join(",")}]"
        answer = sound(call, block ? stream(call, arguments).run(&block) : recorded(call, arguments))
        value = call.receipt || Value.load(answer["result"]) # a receipt is no result
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
      def recorded(call, arguments, timeout_ms: call.timeout_ms, question: 0, **more)
        return invoke(call, arguments, timeout_ms, more) unless Run::Calls.recipe_body?

        nth = question.zero? ? [] : [question]
        Run::Calls.remote(call.to_s, [arguments, *nth]) { invoke(call, arguments, timeout_ms, more) }
      end

      # The first question has the arguments; ending it is none.
      def stream(call, arguments)
        Stream.new(call.timeout_ms) do |more, timeout_ms, question|
          if question
            recorded(call, question.zero? ? arguments : "[]", timeout_ms:, question:, **more)
          elsif Run::Calls.replay.nil?
            invoke(call, "[]", timeout_ms, more)
          end
        end
      end

      def invoke(call, arguments, timeout_ms, more)
        request = { node: call.node, api: call.api, method: call.name, receipt: call.receipt || false,
                    crash_on_error: call.crash_on_error || false, **more }
        return client.invoke(request, arguments, timeout_ms:) if !more[:stream] || more[:stream_ends]

        Stream.persist { client.invoke(request, arguments, timeout_ms:) }
      end

      def sound(call, answer)
        fault = answer["fault"] or return answer

        raise RemoteError.new("#{fault["class_name"]} in #{call}: #{fault["message"]}",
                              remote_class: fault["class_name"], remote_backtrace: fault["backtrace"])
      end

      def note(call, answer, value)
        topic = answer["topic"] unless answer["topic"].empty?
        Reads.note(read(call, topic, answer["version"], value))
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
