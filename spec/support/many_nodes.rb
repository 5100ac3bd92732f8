# frozen_string_literal: true

require "flock_of_chefs/cli"
require_relative "fake_local_client"

# A program: flockctl before an agent that knows nine nodes, for shells and terminals to run. Chef succeeds on all but
# those in FAILING, whose error would draw on a terminal; at the node in HANGING the call takes until a signal comes.
# Who was asked is appended to the file ASKED.
class ManyNodes < FakeLocalClient
  # @return [Array<String>]
  NAMES = (1..9).map { |n| "web#{n}" }.freeze

  def initialize
    super("resolve" => { "nodes" => NAMES.map { |name| { "name" => name } } }, "observe" => {})
  end

  def invoke(request, _arguments, timeout_ms:) # rubocop:disable Lint/UnusedMethodArgument
    node = request.fetch(:node)
    File.write(ENV.fetch("ASKED"), "#{node}\n", mode: "a")
    sleep if ENV["HANGING"] == node
    raise FlockOfChefs::DeniedError, "not \e]0;pwn\ayou" if ENV.fetch("FAILING", "").split(",").include?(node)

    { "result" => JSON.generate("id" => "run-#{node}", "state" => "succeeded", "text" => "x" * ENV["LONG"].to_i),
      "topic" => "run", "version" => "1" }
  end
end

FlockOfChefs::CLI::Way.define_singleton_method(:client) { |*, **| ManyNodes.new }
exit(FlockOfChefs::CLI.start(ARGV.dup))
