# frozen_string_literal: true

require "drb"

# What is called; DRb has a thread for each connection.
class Echo
  def echo(payload) = payload
end

DRb.start_service("druby://127.0.0.1:#{ARGV.fetch(0)}", Echo.new)
DRb.thread.join
