# frozen_string_literal: true

require "json"
require "rbconfig"

# Runs Ruby scripts in processes of their own, with a hard limit: what forks, takes signals or may hang is tested so.
module ChildRuby
  # What a finished child left.
  Result = Struct.new(:out, :err, :status, :seconds) do
    # @return [Object] the last line of its output, as JSON
    def answer = JSON.parse(out.lines.last.to_s)

    def to_s = "#{status.inspect} after #{seconds.round(1)} s\n#{out}\n#{err}"
  end

  LIB = File.expand_path("../../lib", __dir__)
  LIMIT_S = 60
  PRELUDE = <<~RUBY
    require "json"
    $stdout.sync = true
    def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    def answer(object) = puts(JSON.generate(object))
    def raised
      yield
      nil
    rescue Exception => e
      e.class.name
    end
    def probe = FlockOfChefs::Native::Probe.new
  RUBY

  # @param script [String] starts with the gem required and {PRELUDE}'s words at hand
  # @yieldparam pid [Integer] called when the child printed a line "ready"
  # @return [Result]
  def child_ruby(script, limit_s: LIMIT_S, &when_ready)
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    run = Run.new([RbConfig.ruby, "-I", LIB, "-r", "flock_of_chefs", "-e", PRELUDE + script], limit_s, when_ready)
    out, err, status = run.call
    Result.new(out, err, status, Process.clock_gettime(Process::CLOCK_MONOTONIC) - started)
  end

  # One child in its own process group.
  class Run
    def initialize(command, limit_s, when_ready)
      @command = command
      @limit_s = limit_s
      @when_ready = when_ready
    end

    def call
      out_r, out_w = IO.pipe
      err_r, err_w = IO.pipe
      @pid = Process.spawn({ "RUST_BACKTRACE" => "0" }, *@command, out: out_w, err: err_w, pgroup: true)
      [out_w, err_w].each(&:close)
      readers = [Thread.new { read_out(out_r) }, Thread.new { err_r.read }]
      status = reap
      [*readers.map(&:value), status]
    end

    private

    def read_out(io)
      io.each_line.map do |line|
        @when_ready&.call(@pid) if line == "ready\n"
        line
      end.join
    end

    def reap
      waiter = Process.detach(@pid)
      waiter.join(@limit_s) || raise("the child did not end within #{@limit_s} s")
      waiter.value
    ensure
      kill_group
    end

    # Also ends what the child forked.
    def kill_group
      Process.kill(:KILL, -@pid)
    rescue Errno::ESRCH, Errno::EPERM
      nil
    end
  end
end

RSpec.configure { |config| config.include(ChildRuby) }
