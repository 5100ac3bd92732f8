# frozen_string_literal: true

# Finds processes of the specs in /proc.
module Processes
  # @param node [Fleet::Node]
  # @return [Integer, nil] the pid of the warm worker that the node's agent keeps
  def self.warm_worker_of(node)
    lists = Dir["/proc/#{node.pid}/task/*/children"].map { |file| File.read(file) } # one per thread that started any
    lists.join.split.map(&:to_i).find { |pid| warm?(pid) }
  rescue SystemCallError
    nil
  end

  def self.warm?(pid)
    File.read("/proc/#{pid}/cmdline").include?("flock_of_chefs warm worker")
  rescue SystemCallError
    false
  end
  private_class_method :warm?

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
end
