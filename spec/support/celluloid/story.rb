# frozen_string_literal: true

# rubocop:disable RSpec/Output, Naming/PredicateMethod -- a program of its own
#
# What an API may do with Celluloid, told on standard output: in a process of its own, with the gem or without it.
require "flock_of_chefs"
require "flock_of_chefs/api/celluloid/actors"
actors = FlockOfChefs::Api::Actors
actors.provide
require "celluloid" if ENV["CELLULOID_FIRST"] # as a library may that knows the gem

class HumanApi
  include Celluloid

  finalizer :bye

  def initialize(humans) = @humans = humans
  def killed_all_humans? = @humans.zero?
  def kill = @humans -= 1
  def slow = sleep(0.2)
  def boom = raise("boom")
  def bad = abort(ArgumentError.new("bad"))
  def itself_by_proxy = Celluloid::Actor[:human_api].killed_all_humans?
  def caller_node = FlockOfChefs::Api.caller
  def bye = puts("bye #{@humans}")

  def ticks
    @ticks = 0
    timer = every(0.02) { @ticks += 1 }
    after(0.01) { @after = true }

    sleep 0.3
    timer.cancel
    [@ticks.positive?, @after]
  end
end

def raised
  yield
rescue StandardError => e
  "#{e.class}: #{e.message}"
end

def eventually
  200.times { yield ? (return true) : sleep(0.05) }
  false
end

HumanApi.supervise_as :human_api, 2
HumanApi.supervise(as: :other_api, args: [1])
entries = FlockOfChefs::Api::Registry.entries
puts "noted: #{entries.map { |entry| [entry.api, entry.arguments] }}, threads: #{Thread.list.size}"
actors.go_live
puts "gem: #{actors.gem?}"
entries.each { |entry| actors.start(entry) }
human = actors.find("human_api")
puts "sync: #{human.killed_all_humans?}, #{human.kill}"
human.async.kill
puts "async: #{eventually { human.killed_all_humans? }}"
since = Process.clock_gettime(Process::CLOCK_MONOTONIC)
Array.new(10) { human.future.slow }.each(&:value)
puts "ten sleep together: #{Process.clock_gettime(Process::CLOCK_MONOTONIC) - since < 1.5}"
puts "timers: #{human.ticks}"
puts "itself: #{human.itself_by_proxy}"
puts "abort: #{raised { human.bad }}, alive: #{human.alive?}"
call = FlockOfChefs::Api::Call.new("bender2", 1_000)
puts "caller: #{human.__flock_call__(call, :caller_node, [], {}, false)}"
puts "guarded: #{raised { human.__flock_call__(call, :boom, [], {}, false) }}, alive: #{human.alive?}"
puts "crash: #{raised { human.__flock_call__(call, :boom, [], {}, true) }}"
puts "dead: #{eventually { !human.alive? }}, #{raised { human.kill }[/\A[^:]+::\w+/]}"
puts "again: #{eventually { actors.find("human_api")&.alive? }}, #{actors.find("human_api").kill}"
puts "other: #{Celluloid::Actor[:other_api].killed_all_humans?}"
actors.stop
# rubocop:enable RSpec/Output, Naming/PredicateMethod
