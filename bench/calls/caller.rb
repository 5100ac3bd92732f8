# frozen_string_literal: true

# A process as a recipe's: calls a node through the agent of this one.
require "flock_of_chefs"
require_relative "../support/calling"

calling = Bench::Calling.new
api = FlockOfChefs[ARGV.fetch(1)][:counter]
result = { cases: calling.cases { |payload| api.echo(payload) } }
result[:async] = calling.async(-> { api.async.add(1) }, -> { api.count })
Bench::Calling.tell(result)
