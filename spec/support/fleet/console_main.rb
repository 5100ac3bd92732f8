# frozen_string_literal: true

# The other end of {Fleet::Console}: a Ruby script on a node that is no Chef run. A line of JSON on the standard input
# is code to run, each on a thread of its own; a line of JSON on the standard output tells how one ended.
require "json"
require "flock_of_chefs"
require "flock_of_chefs/recipe/wait"

# What the specs' code is written with.
module Words
  def raised
    yield.then { |value| ["nothing", value] }
  rescue FlockOfChefs::Error => e
    [e.class.name.split("::").last, e.code]
  end

  # A wait as recipes have it.
  #
  # @return [Boolean]
  def wait_until(timeout: 300, **options, &block) # rubocop:disable Naming/PredicateMethod -- the word of recipes
    wait = FlockOfChefs::Recipe::Wait.parse(:wait_until, nil, { timeout: }.merge(options), block, "script")
    FlockOfChefs::Remote::Waiting.new(wait).over?
  end

  # @return [Float] seconds that the block took
  def seconds
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - began
  end
end
include Words # rubocop:disable Style/MixinUsage -- a script

lock = Mutex.new
tell = lambda do |line|
  lock.synchronize do
    $stdout.puts(JSON.generate(line))
    $stdout.flush
  end
end
tell.call({ pid: Process.pid })
$stdin.each_line do |line|
  id, code = JSON.parse(line).values_at("id", "code")
  Thread.new do
    tell.call({ id:, value: eval(code, TOPLEVEL_BINDING.dup) }) # rubocop:disable Security/Eval
  rescue Exception => e # rubocop:disable Lint/RescueException -- all of it is told
    tell.call({ id:, raised: "#{e.class} (#{e.respond_to?(:code) ? e.code : "-"}): #{e.message}" })
  end
end
