# frozen_string_literal: true

require "socket"
require "tmpdir"

module Bench
  # Processes that a bench starts beside what it measures, in a temporary folder; they end with the block.
  class Service
    # @yieldparam service [Service]
    def self.open
      Dir.mktmpdir("bench") do |dir|
        service = new(dir)
        yield service
      ensure
        service&.close
      end
    end

    # @return [String] the folder
    attr_reader :dir

    def initialize(dir)
      @dir = dir
      @pids = []
    end

    def path(*parts) = File.join(dir, *parts)

    # Starts a process and waits until it listens.
    #
    # @param port [Integer] on loopback
    def start(env, *command, port:)
      pid = Process.spawn(env, *command, %i[out err] => [path("log"), "a"], pgroup: true, chdir: dir)
      @pids << pid
      Fleet.eventually("#{command.first} listens") do
        raise "#{command.join(" ")} ended:\n#{File.read(path("log"))}" if Process.wait(pid, Process::WNOHANG)

        listens?(port)
      end
    end

    # @return [String] what a program prints
    def run(env, *command)
      out, status = Open3.capture2(env, *command, err: [path("log"), "a"], chdir: dir)
      raise "#{command.join(" ")} failed:\n#{File.read(path("log")).lines.last(20).join}" unless status.success?

      out
    end

    def close
      @pids.reverse_each do |pid|
        Process.kill("KILL", -pid)
        Process.wait(pid)
      rescue Errno::ESRCH, Errno::ECHILD
        nil # it ended by itself
      end
    end

    private

    def listens?(port)
      TCPSocket.new("127.0.0.1", port).close || true
    rescue SystemCallError
      false
    end
  end
end
