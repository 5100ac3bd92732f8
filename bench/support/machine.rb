# frozen_string_literal: true

require "etc"

module Bench
  # What the figures were measured on.
  module Machine
    def self.describe
      { cpu: File.read("/proc/cpuinfo")[/model name\s*:\s*(.*)/, 1], cores: Etc.nprocessors,
        memory_mib: File.read("/proc/meminfo")[/MemTotal:\s*(\d+)/, 1].to_i / 1024,
        kernel: Etc.uname[:release], ruby: RUBY_DESCRIPTION, rustc: `rustc --version`.strip,
        date: Time.now.strftime("%F") }
    end
  end
end
