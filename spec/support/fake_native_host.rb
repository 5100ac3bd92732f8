# frozen_string_literal: true

require "json"
require "timeout"

# Stands in for FlockOfChefs::Native::Host: an agent that calls what a spec pushes and keeps what it is answered.
class FakeNativeHost
  # @return [Hash, nil] what the host offered
  attr_reader :hello
  # @return [Array<String>] APIs of which something changed
  attr_reader :changes

  def initialize
    @messages = Thread::Queue.new
    @replies = Thread::Queue.new
    @changes = []
    @last_id = 0
  end

  def connect(hello, _timeout_ms) = @hello = JSON.parse(hello)

  def next_call(timeout_ms)
    message = Timeout.timeout(timeout_ms / 1000.0) { @messages.pop }
    raise message if message.is_a?(Exception)

    JSON.generate(message)
  rescue Timeout::Error
    nil
  end

  def reply(rpc_id, reply) = @replies.push([rpc_id, JSON.parse(reply)])
  def changed(api) = @changes << api

  # Says that so many bytes of what a call yielded have been taken.
  def taken(rpc_id, bytes) = push({ type: "taken", rpc_id:, bytes: })

  # @param message [Hash, Exception]
  def push(message) = @messages.push(message)

  # @return [Integer] the rpc_id
  def call(api, method, *arguments, **fields)
    @last_id += 1
    push({ type: "call", rpc_id: @last_id, from: "bender2", api:, method:, arguments: JSON.generate(arguments),
           timeout_ms: 60_000, crash_on_error: false, receipt: false, **fields })
    @last_id
  end

  # @return [Array(Integer, Hash)] the next reply
  def reply_to_any = @replies.pop

  # Calls and waits for the one reply.
  #
  # @return [Hash]
  def ask(...)
    call(...)
    reply_to_any.last
  end
end
