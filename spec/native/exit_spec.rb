# frozen_string_literal: true

require "support/child_ruby"

RSpec.describe "exit with native code at work" do
  # Far below the work's own 50 s.
  bound_s = 20

  it "does not wait for blocking work" do
    result = child_ruby("started = probe; started.busy(50_000); answer(clock)")
    expect(result.status).to be_success
    expect(result.seconds).to be < bound_s
  end

  it "does not wait for threads in a native wait" do
    result = child_ruby(<<~RUBY)
      started = probe
      3.times { Thread.new { started.wait(50_000, 50_000) } }
      Thread.pass until Thread.list.count { |thread| thread.status == "sleep" } >= 3
    RUBY
    expect(result.status).to be_success, result.to_s
    expect(result.seconds).to be < bound_s
  end

  it "does not wait for what garbage collection frees" do
    result = child_ruby("begin; probe.busy(50_000); end; GC.start; answer(true)")
    expect([result.answer, result.seconds]).to match([true, a_value < bound_s])
  end
end
