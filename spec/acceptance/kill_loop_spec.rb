# frozen_string_literal: true

require_relative "../support/fleet"
require_relative "../support/kill_loop"

# What must hold whatever is killed: no acknowledged notification and no change that somebody subscribes to is lost, and
# no action runs twice without `unknown` between. FLOCK_SOAK (bin/test --soak) makes it long.
RSpec.describe "kill -9 under a stream of notifications", :acceptance, :slow do
  kills = Integer(ENV.fetch("FLOCK_KILLS") { ENV["FLOCK_SOAK"] == "1" ? "300" : "40" })

  it "loses nothing and repeats nothing in #{kills} kills of sender, target, hub and workers" do
    Fleet.open do |fleet|
      loop = KillLoop.new(fleet, kills: kills, seed: RSpec.configuration.seed)
      loop.run
      loop.drain

      expect(loop.busy_kills).to be >= kills * 9 / 10
      expect(loop.lost).to eq([])
      expect(loop.repeated).to eq([])
      expect(loop.done_but_not_run).to eq([])
      expect(loop.failed_runs).to eq(0)
      expect(loop.damage).to eq([])
      RSpec.configuration.reporter.message(loop.summary)
    end
  end
end
