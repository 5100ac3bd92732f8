# frozen_string_literal: true

require "json"
require_relative "../api/call"
require_relative "../api/registry"
require_relative "../calls/value"
require_relative "../errors"
require_relative "../monotonic"
require_relative "fault"
require_relative "lane"
require_relative "refused"
require_relative "yields"

module FlockOfChefs
  module Host
    # Takes calls from the agent's stream and answers each exactly once.
    class Server
      include Monotonic

      # How long one look at the stream waits, and so how soon {#stop} is heeded.
      POLL_MS = 1_000
      # For what is at hand, when the host is to end.
      GRACE_S = 30
      # How long one look at the stream waits then.
      ENDING_POLL_MS = 20

      # What waits for or has a thread of its API.
      Work = Struct.new(:message, :call, :yields)

      # @param native [Native::Host]
      # @param offer [Offer]
      # @param grace_s [Float]
      def initialize(native, offer, grace_s: GRACE_S)
        @native = native
        @offer = offer
        @grace_s = grace_s
        @works = {}
        @lock = Mutex.new
        @lanes = offer.services.transform_values do |service|
          Lane.new(service.concurrency, service.name) { |work| work(service, work) }
        end
      end

      # @param token [String]
      # @param timeout_ms [Integer]
      # @return [void]
      # @raise [Error] when the agent does not take this host in
      def connect(token, timeout_ms)
        Api::Registry.announcer = ->(api) { @native.changed(api) }
        hello = { token:, pid: Process.pid, apis: @offer.infos, problems: @offer.problems }
        @native.connect(JSON.generate(hello), timeout_ms)
      end

      # Serves until {#stop}, the agent's word or its end; then finishes what is at hand, though nobody may hear the
      # answer.
      #
      # @return [void]
      def run
        heed(POLL_MS) until @stop || @alone
        finish
      end

      # Takes no further call. May be called from a trap.
      #
      # @return [void]
      def stop = @stop = true

      private

      def take(message)
        case message["type"]
        when "call" then accept(message)
        when "cancel" then cancel(message["rpc_id"])
        when "taken" then at_hand(message["rpc_id"])&.yields&.taken(message["bytes"])
        when "stop" then stop
        end
      end

      def accept(message)
        work = Work.new(message, Api::Call.new(message["from"], message["timeout_ms"]))
        work.yields = yields(work) if message["streams"]
        return refuse(work, ending(work)) if @stop

        lane = @lanes[message["api"]] or return refuse(work, ResourceNotFoundError.new("no such API", code: "no_api"))
        @lock.synchronize { @works[message["rpc_id"]] = work }
        reply(work, accepted: true) if message["receipt"]
        lane.push(work)
      end

      # What has begun goes on; it may look at its deadline.
      def cancel(rpc_id)
        work = at_hand(rpc_id) or return
        work.call.cancel
        work.yields&.wake
        return unless @lanes.fetch(work.message["api"]).take_back(work)

        refuse(work, TimeoutError.new("nobody waits for it any more", code: "cancelled"))
      end

      def at_hand(rpc_id) = @lock.synchronize { @works[rpc_id] }

      def yields(work)
        what = work.message.values_at("api", "method").join(".")
        Yields.new(work.call, what) { |values| reply(work, yielded: true, result: values) }
      end

      def work(service, work)
        return refuse(work, late(work)) unless work.call.left_s.positive? || work.message["receipt"]

        answer(work, call(service, work))
      rescue StandardError, ScriptError => e
        warn "flock_of_chefs host: #{e.full_message(highlight: false)}" # the stream is over, or a fault of ours
      end

      # @return [Hash] the reply
      def call(service, work)
        name, crash = work.message.values_at("method", "crash_on_error")
        arguments = Refused.when_raised { Calls::Value.load(work.message["arguments"]) }
        result = service.call(work.call, name, arguments, crash, &work.yields)
        { result: Refused.when_raised { Calls::Value.dump(result, "the result of #{service.name}.#{name}") } }
      rescue Refused => e
        refusal(e.cause)
      rescue Exception => e # rubocop:disable Lint/RescueException -- an exit of the method's ends neither thread nor host
        { fault: Fault.of(e) }
      end

      def ending(work)
        ConnectionError.new("the process of #{work.message["api"]} is ending; call it again later", code: "api_down")
      end

      def late(work) = TimeoutError.new("#{work.message["api"]} did not come to it in time")

      def refuse(work, error) = answer(work, refusal(error))

      def refusal(error)
        kind = error.class.default_code
        { kind:, code: error.code, message: error.message.to_s.byteslice(0, Fault::MESSAGE_BYTES).scrub("") }
      end

      def answer(work, reply)
        @lock.synchronize { @works.delete(work.message["rpc_id"]) }
        begin
          reply(work, **reply)
        rescue TimeoutError
          retry # the agent does not read: it does so again, or its stream ends; until it has heard, the call counts
        end
      end

      def reply(work, **reply) = @native.reply(work.message["rpc_id"], JSON.generate(reply))

      def finish
        deadline = now + @grace_s
        heed(ENDING_POLL_MS) while @lanes.each_value.any? { |lane| lane.size.positive? } && now < deadline
        Api::Actors.stop
      end

      # What is at hand hears who takes what it yields, and who waits no more, as long as there is a stream.
      def heed(poll_ms)
        return sleep(poll_ms / 1000.0) if @alone

        take(JSON.parse(@native.next_call(poll_ms) || "{}"))
      rescue ConnectionError
        @alone = true
      end
    end
  end
end
