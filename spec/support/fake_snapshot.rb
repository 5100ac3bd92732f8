# frozen_string_literal: true

require "json"

# Stands in for what saves a run's snapshot; notes what it is given.
module FakeSnapshot
  class << self
    def save(run_context:, run_status:, expansion:, data_dir:, number:, run_id:)
      raise "the disk is full" if ENV["FLOCK_FAKE_SNAPSHOT"] == "broken"

      FakeNative.record("snapshots", JSON.generate(node: run_context.node.name, success: run_status.success?,
                                                   recipes: expansion.recipes.to_a, data_dir: data_dir, number: number,
                                                   run_id: run_id))
      number
    end

    def install
      require "flock_of_chefs/run/events"
      FlockOfChefs::Run.send(:remove_const, :Snapshot)
      FlockOfChefs::Run.const_set(:Snapshot, self)
    end
  end
end
