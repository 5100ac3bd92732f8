# frozen_string_literal: true

# The simulation: a workspace of its own, so that nothing of it is in the gem.
module Simulation
  MANIFEST = "simulation/Cargo.toml"
  TARGET = "target/simulation"
  PROGRAM = "#{TARGET}/debug/flock_simulation".freeze

  module_function

  # @param command [String] of cargo
  def cargo(command, *arguments)
    Rake.sh("cargo", command, "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir", TARGET, *arguments)
  end
end

desc "Simulated flocks with faults: SEEDS=100 of them, or one with its log by SEED=n (PLANTED=early-ack|...)"
task :sim do
  Simulation.cargo("build")
  planted = ENV.key?("PLANTED") ? ["--planted", ENV["PLANTED"]] : []
  next sh(Simulation::PROGRAM, "--seed", ENV["SEED"], *planted) if ENV.key?("SEED")

  Simulation.cargo("test", "--", "--nocapture") if planted.empty?
  sh Simulation::PROGRAM, "--seeds", "1..#{Integer(ENV.fetch("SEEDS", "100"))}", *planted
end
