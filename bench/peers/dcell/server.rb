# frozen_string_literal: true

require_relative "node"

# What is called: an actor, one call at a time.
class Counter
  include Celluloid

  attr_reader :count

  def initialize
    @count = 0
  end

  def echo(payload) = payload
  def add(number) = @count += number
end

redis, port = ARGV
DCellNode.start("callee", redis, port)
Counter.supervise_as :counter
sleep
