# frozen_string_literal: true

# Finds processes of the specs in /proc.
module Processes
  # A worker names its job on its command line: first as a file, later in its title.
  #
  # @param node [Fleet::Node]
  # @return [Integer, nil] the pid of the worker that runs for the node
  def self.worker_of(node)
    jobs = Dir[node.path("data/jobs/*.json")].map { |file| File.basename(file, ".json") }
    Dir["/proc/[0-9]*/cmdline"].each do |file|
      line = File.read(file)
      return Integer(file[/\d+/]) if line.include?("worker") && jobs.any? { |job| line.include?(job) }
    rescue SystemCallError
      nil # it ended
    end
    nil
  end

  # @param node [Fleet::Node]
  # @return [Integer, nil] the pid of the node's warm worker
  def self.warm_worker_of(node)
    Dir["/proc/[0-9]*/stat"].each do |file|
      pid = Integer(file[/\d+/])
      parent = File.read(file).rpartition(")").last.split[1].to_i
      return pid if parent == node.pid && File.read("/proc/#{pid}/cmdline").include?("warm worker")
    rescue SystemCallError
      nil # it ended
    end
    nil
  end
end
