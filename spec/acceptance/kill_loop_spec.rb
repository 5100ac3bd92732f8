# frozen_string_literal: true

require_relative "../support/fleet"
require_relative "../support/kill_loop"

# What must hold whatever is killed: no acknowledged notification is lost, and no action runs twice without `unknown`
# between.
RSpec.describe "kill -9 under a stream of notifications", :acceptance, :slow do
  kills = Integer(ENV.fetch("FLOCK_KILLS") { ENV["FLOCK_SOAK"] == "1" ? "300" : "40" })

  it "loses nothing and repeats nothing in #{kills} kills of sender, target, hub and worker" do
    Fleet.open do |fleet|
      loop = KillLoop.new(fleet, seed: RSpec.configuration.seed)
      loop.run(kills)
      loop.drain

      expect(loop.busy_kills).to be >= kills * 9 / 10
      expect(loop.lost).to eq([])
      expect(loop.repeated).to eq([])
      expect(loop.done_but_not_run).to eq([])
      expect(loop.counts.values.sum).to eq(loop.sent.length)
      RSpec.configuration.reporter.message(loop.summary)
    end
  end
end
