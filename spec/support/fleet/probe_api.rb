# frozen_string_literal: true

# rubocop:disable Naming/PredicateMethod -- they answer something, for calls to have answers
#
# An API for specs of calls and waits, to be put into a node's +data_dir/apis+. What it knows is in files, so that it
# outlives its process.
class ProbeApi
  include FlockOfChefs::Api

  api_name :probe
  concurrency 4
  expose :read, :write, :hold, :pid, :caller_node, :big, :fail_with, :echo, :tidy

  # @return [String, nil]
  def read(file) = File.exist?(file) ? File.read(file) : nil

  def write(file, text)
    File.write(file, text)
    FlockOfChefs.changed(:probe)
    true
  end

  # Begins, and ends when somebody writes +mark.go+ or nobody waits for the answer any more.
  def hold(mark)
    File.write("#{mark}.begun", "")
    sleep 0.02 until File.exist?("#{mark}.go") || FlockOfChefs::Api.deadline.zero?
    File.write("#{mark}.ended", FlockOfChefs::Api.deadline.zero? ? "nobody waits" : "answered")
    true
  end

  def pid = Process.pid
  def caller_node = FlockOfChefs::Api.caller
  def big(bytes) = "x" * bytes
  def echo(value) = value
  def fail_with(message) = raise(ArgumentError, message)

  def tidy
    GC.start
    GC.compact
    true
  end
end

# One call at a time.
class NarrowApi < ProbeApi
  include FlockOfChefs::Api

  api_name :narrow
  concurrency 1
  queue 1
  expose :hold, :echo
end
# rubocop:enable Naming/PredicateMethod
