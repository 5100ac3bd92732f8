# frozen_string_literal: true

require "json"

# Stands in for FlockOfChefs::Native::Agent: hands out what a spec pushes and remembers what it is told.
class FakeNativeAgent
  # @return [Array<Array(String, Hash)>] operations and bodies, in order
  attr_reader :calls

  def initialize(answers: {}, info: { "name" => "bender1" })
    @answers = answers
    @info = info
    @events = Thread::Queue.new
    @calls = []
    @changed = Thread::ConditionVariable.new
    @lock = Thread::Mutex.new
    @stopped = false
  end

  # @param event [Hash, Exception]
  def push(event) = @events.push(event)

  def start = JSON.generate(@info)

  def next_event(timeout_ms)
    deadline = now + (timeout_ms / 1000.0)
    while now < deadline
      raise FlockOfChefs::NotStartedError, "stopped" if @stopped

      event = poll
      raise event if event.is_a?(Exception)
      return JSON.generate(event) if event
    end
  end

  def call(operation, body, _timeout_ms)
    record(operation, JSON.parse(body))
    answer = @answers[operation]
    answer = answer.shift if answer.is_a?(Array)
    raise answer if answer.is_a?(Exception)

    JSON.generate(answer || {})
  end

  def stop(grace_ms)
    record("stop", { "grace_ms" => grace_ms })
    @stopped = true
    "{}"
  end

  # @return [Hash] the body of the first call of an operation, waiting for it
  def told(operation, limit_s: 30)
    deadline = now + limit_s
    @lock.synchronize do
      loop do
        found = @calls.find { |name, _| name == operation }
        return found.last if found
        raise "no #{operation} within #{limit_s} s: #{@calls.inspect}" if now > deadline

        @changed.wait(@lock, 0.1)
      end
    end
  end

  def operations = @calls.map(&:first)

  private

  def poll
    @events.pop(true)
  rescue ThreadError
    sleep 0.01
    nil
  end

  def record(operation, body)
    @lock.synchronize do
      @calls << [operation, body]
      @changed.broadcast
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
