# frozen_string_literal: true

require "support/child_ruby"

RSpec.describe "interrupting a native wait" do
  # The native wait lasts far longer than the bound, so an interrupt that is not heeded fails the example.
  wait_ms = 50_000
  bound_s = 20

  others = {
    "alone" => "",
    "beside a sleeping thread" => "Thread.new { sleep }",
    "beside a thread in IO.select" => "R, W = IO.pipe; Thread.new { IO.select([R]) }",
    "beside a thread in a native wait" => "OTHER = probe; Thread.new { OTHER.wait(50_000, 50_000) }",
    "beside a busy thread" => "Thread.new { loop { 1 + 1 } }"
  }

  others.each do |how, other|
    context how do
      it "ends at Ctrl-C" do
        sent = nil
        result = child_ruby(<<~RUBY) { |pid| sleep(0.3) && Process.kill(:INT, pid) && (sent = true) }
          #{other}
          started = probe
          began = clock
          puts "ready"
          answer([raised { started.wait(#{wait_ms}, #{wait_ms}) }, clock - began])
          exit!(0)
        RUBY
        expect(sent).to be(true)
        expect(result.answer).to match(["Interrupt", a_value < bound_s]), result.to_s
      end

      it "runs a TERM trap at once and waits on" do
        result = child_ruby(<<~RUBY) { |pid| sleep(0.2) && Process.kill(:TERM, pid) }
          #{other}
          started = probe
          trapped = nil
          trap("TERM") { trapped = clock }
          puts "ready"
          error = raised { started.wait(2_000, #{wait_ms}) }
          answer([error, trapped && trapped < clock - 0.5])
          exit!(0)
        RUBY
        expect(result.answer).to eq([nil, true]), result.to_s
      end

      it "ends at Timeout and leaves the process usable" do
        result = child_ruby(<<~RUBY)
          require "timeout"
          #{other}
          started = probe
          began = clock
          error = raised { Timeout.timeout(0.3) { started.wait(#{wait_ms}, #{wait_ms}) } }
          answer([error, clock - began, raised { started.wait(10, #{wait_ms}) }])
          exit!(0)
        RUBY
        expect(result.answer).to match(["Timeout::Error", a_value < bound_s, nil]), result.to_s
      end

      it "ends at Thread#kill and Thread#raise" do
        result = child_ruby(<<~RUBY)
          #{other}
          started = probe
          began = clock
          killed = Thread.new { started.wait(#{wait_ms}, #{wait_ms}) }
          hit = Thread.new { raised { started.wait(#{wait_ms}, #{wait_ms}) } }
          sleep 0.2
          killed.kill
          hit.raise(ArgumentError)
          answer([killed.value, hit.value, clock - began])
          exit!(0)
        RUBY
        expect(result.answer).to match([nil, "ArgumentError", a_value < bound_s]), result.to_s
      end
    end
  end

  it "has a deadline of its own" do
    result = child_ruby("answer([raised { probe.wait(50_000, 100) }, clock])")
    expect(result.answer.first).to eq("FlockOfChefs::TimeoutError")
  end

  it "loses no wake-up to a trap that waits itself" do
    result = child_ruby(<<~RUBY) { |pid| sleep(0.2) && Process.kill(:TERM, pid) }
      started = probe
      inner = :none
      trap("TERM") { inner = raised { started.wait(1_500, #{wait_ms}) } }
      puts "ready"
      began = clock
      outer = raised { started.wait(1_000, #{wait_ms}) }
      answer([outer, inner, clock - began])
      exit!(0)
    RUBY
    expect(result.answer).to match([nil, nil, a_value < bound_s]), result.to_s
  end

  it "leaves nothing behind that ends a later wait early, or never" do
    result = child_ruby(<<~RUBY)
      require "timeout"
      started = probe
      200.times { |n| raised { Timeout.timeout(0.001) { started.wait(n % 4, #{wait_ms}) } } }
      took = Array.new(10) do
        began = clock
        started.wait(50, #{wait_ms})
        clock - began
      end
      answer(took.minmax)
    RUBY
    expect(result.answer).to match([a_value >= 0.05, a_value < bound_s]), result.to_s
  end
end
