# frozen_string_literal: true

require_relative "node"
require_relative "../../support/calling"

DCellNode.start("caller", ARGV.fetch(1), 0)
callee = nil
100.times { break if (callee = DCell::Node["callee"]) || sleep(0.1).nil? }
counter = callee[:counter]
calling = Bench::Calling.new
result = { cases: calling.cases { |payload| counter.echo(payload) } }
result[:async] = calling.async(-> { counter.async.add(1) }, -> { counter.count })
Bench::Calling.tell(result)
exit!(0) # its actors would take their time
