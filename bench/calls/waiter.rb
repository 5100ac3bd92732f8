# frozen_string_literal: true

# A process as a recipe's that waits for a node, again and again; prints how long after each change its block was asked
# again, and how long after it the wait was over.
require "flock_of_chefs"
require "flock_of_chefs/recipe/wait"
require_relative "../support/calling"

# Longer than a wait needs to fall asleep.
ASLEEP_S = 0.02

def wait_until
  asked = []
  block = lambda do
    asked << Bench::Calling.now
    yield
  end
  wait = FlockOfChefs::Recipe::Wait.parse(:wait_until, nil, { timeout: 30 }, block, "bench")
  raise "not within 30 s" unless FlockOfChefs::Remote::Waiting.new(wait).over?

  [asked, Bench::Calling.now]
end

# @return [Array(Float, Float), nil] milliseconds; nil = it did not fall asleep
def sample(api, &)
  asked, over = wait_until(&)
  turned = api.turned_at
  [(asked.last - turned) * 1_000, (over - turned) * 1_000] if asked.first < turned
end

node = FlockOfChefs[ARGV.fetch(1)]
api = node[:counter]
count = JSON.parse(ARGV.fetch(0)).fetch("waits")
state = api.state
apis = Array.new(count + (count / 10)) do
  state += 1
  api.turn(ASLEEP_S)
  sample(api) { api.state >= state }
end
runs = Array.new(count + (count / 10)) do |round|
  active = round.even?
  api.turn_run(ASLEEP_S, active)
  sample(api) { node[:flock_api].active == active }
end
Bench::Calling.tell({ api: apis, run: runs }.transform_values { |taken| taken.drop(count / 10).compact })
