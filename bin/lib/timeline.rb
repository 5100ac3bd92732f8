# frozen_string_literal: true

# Prints who did what, when and for how long.
class Timeline
  def initialize(out = $stdout)
    @out = out
    @start = now
    out.sync = true
  end

  # Prints a line once the block is through, with its duration.
  #
  # @return whatever the block returns
  def say(who, what)
    began = now
    result = yield
    line(who, format("%<what>s  (%<seconds>.1f s)", what: what, seconds: now - began))
    result
  end

  def note(who, what) = line(who, what)
  def rule(title) = @out.puts("\n== #{title}")

  private

  def line(who, what) = @out.puts(format("%<at>7.1f s  %<who>-9s %<what>s", at: now - @start, who: who, what: what))
  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
