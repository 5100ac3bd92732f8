# frozen_string_literal: true

# What is called: lies in data_dir/apis of the benches' nodes. By default one call at a time, as an actor.
class BenchApi
  include FlockOfChefs::Api

  api_name :counter
  expose :echo, :add, :count, :turn, :turn_run, :state, :turned_at
  queue 10_000

  attr_reader :count, :state, :turned_at

  def initialize
    @count = @state = 0
  end

  def echo(payload) = payload
  def add(number) = @count += number

  # A while later the state is the next one, and whoever waits for it is told.
  def turn(after_s)
    Thread.new do
      sleep after_s
      @turned_at = now
      @state += 1
      FlockOfChefs.changed(:counter)
    end
    nil
  end

  # A while later this process is one of a Chef run, as the agent sees it, or no longer.
  def turn_run(after_s, active)
    Thread.new do
      sleep after_s
      @turned_at = now
      active ? run.start(FlockOfChefs::Native.new_id) : run.finish("succeeded")
      FlockOfChefs::Remote::Calls.current.client.call("run_changed", run.to_h.slice(:phase, :number, :run_id))
    end
    nil
  end

  private

  def run
    require "flock_of_chefs/run/status"
    @run ||= FlockOfChefs::Run::Status.new(FlockOfChefs::Remote::Calls.current.client.config.fetch("data_dir"))
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
