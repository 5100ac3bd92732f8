# frozen_string_literal: true

require "etc"

module Bench
  # What processes use, as the kernel counts it.
  module Usage
    TICKS = Etc.sysconf(Etc::SC_CLK_TCK).to_f

    module_function

    # @return [Float] proportional set size: shared pages count for each process in part
    def pss_mib(*pids) = pids.sum { |pid| File.read("/proc/#{pid}/smaps_rollup")[/^Pss:\s*(\d+)/, 1].to_i } / 1024.0

    # @return [Float] the most memory that the process ever had
    def peak_mib(pid) = File.read("/proc/#{pid}/status")[/^VmHWM:\s*(\d+)/, 1].to_i / 1024.0

    def cpu_seconds(pid)
      fields = File.read("/proc/#{pid}/stat").rpartition(")").last.split
      (fields[11].to_i + fields[12].to_i) / TICKS
    end

    # @return [Array<Integer>] the process and all that it started
    def family(pid)
      children = Dir["/proc/#{pid}/task/*/children"].flat_map { |file| File.read(file).split.map(&:to_i) }
      [pid, *children.flat_map { |child| family(child) }]
    rescue Errno::ENOENT, Errno::ESRCH
      [pid]
    end

    # @return [Float] percent of one core over so many seconds
    def share(pid, seconds)
      before = cpu_seconds(pid)
      yield if block_given?
      sleep(seconds) unless block_given?
      (cpu_seconds(pid) - before) / seconds * 100
    end
  end
end
