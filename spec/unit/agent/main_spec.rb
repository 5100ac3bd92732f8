# frozen_string_literal: true

require "rbconfig"
require "support/child_ruby"

RSpec.describe "the agent's main loop" do
  # Real signals need a process of their own; the native agent in it is a fake, its worker a real process.
  support = File.expand_path("../../support", __dir__)
  prelude = <<~RUBY
    require "#{support}/fake_native_agent"
    require "flock_of_chefs/agent/main"
    $stderr.sync = true
    NATIVE = FakeNativeAgent.new
    def launch(script)
      Class.new { define_method(:command) { |_, _| [{}, ["#{RbConfig.ruby}", "--disable=gems", "-e", script], {}] } }.new
    end
    def supervisor(script)
      FlockOfChefs::Agent::Supervisor.new(NATIVE, log: FlockOfChefs::Agent::Log.new, launch: launch(script))
    end
    def main(script = "gets", grace_s: 50)
      FlockOfChefs::Agent::Main.new(NATIVE, grace_s:, supervisor: supervisor(script))
    end
    RUN = { "type" => "run", "job" => "j1", "ruby" => {}, "timeout_ms" => 60_000 }.freeze
    def finish(code) = answer([code, NATIVE.operations])
  RUBY

  define_method(:agent) do |script, &block|
    child_ruby(prelude + script, &block)
  end

  %i[INT TERM].each do |signal|
    it "stops at #{signal}" do
      result = agent(<<~RUBY) { |pid| Process.kill(signal, pid) }
        agent = main
        Thread.new { sleep 0.05 until Thread.list.any? { |it| it.name == "flock-dispatch" }; puts "ready" }
        finish(agent.run)
      RUBY
      expect(result.answer).to eq([0, ["stop"]]), result.to_s
      expect(result.seconds).to be < 20
    end
  end

  it "brings the action in hand to its end and takes no other" do
    result = agent(<<~RUBY) { |pid| Process.kill(:TERM, pid) }
      2.times { NATIVE.push(RUN) }
      Thread.new { NATIVE.told("job_claimed"); puts "ready" }
      finish(main("gets; sleep 1").run)
    RUBY
    code, operations = result.answer
    expect([code, operations.count("job_finished"), operations.last]).to eq([0, 1, "stop"]), result.to_s
  end

  it "leaves an action alone that outlasts the grace" do
    result = agent(<<~RUBY) { |pid| Process.kill(:TERM, pid) }
      NATIVE.push(RUN)
      Thread.new { NATIVE.told("job_claimed"); puts "ready" }
      code = main("gets; sleep 50", grace_s: 0.3).run
      pid = NATIVE.told("job_claimed")["pid"]
      answer([code, Process.kill(0, pid)])
      Process.kill(:KILL, -pid)
    RUBY
    expect(result.answer).to eq([0, 1]), result.to_s
    expect(result.err).to include("goes on")
  end

  it "ends the action at the second signal" do
    result = agent(<<~RUBY) { |pid| 2.times { Process.kill(:INT, pid).then { sleep 0.5 } } }
      NATIVE.push(RUN)
      Thread.new { NATIVE.told("job_claimed"); puts "ready" }
      code = main("gets; sleep 50").run
      pid = NATIVE.told("job_claimed")["pid"]
      gone = begin
        sleep 0.05 while Process.kill(0, pid)
      rescue Errno::ESRCH
        true
      end
      answer([code, gone])
    RUBY
    expect(result.answer).to eq([0, true]), result.to_s
    expect(result.seconds).to be < 30
  end

  it "gives a node that has left its flock the time to put its identity away" do
    result = agent(<<~RUBY)
      FlockOfChefs::Agent::Main.send(:remove_const, :NATIVE_STOP_S)
      FlockOfChefs::Agent::Main::NATIVE_STOP_S = 0.1
      def NATIVE.stop(_grace) = sleep(1).then { @calls << ["put away", {}] }
      NATIVE.push({ "type" => "stop", "left" => true })
      finish(main.run)
    RUBY
    expect(result.answer).to eq([0, ["put away"]]), result.to_s
    expect(result.err).not_to include("did not stop within")
  end

  it "does not hang when the native agent does" do
    result = agent(<<~RUBY) { |pid| Process.kill(:TERM, pid) }
      def NATIVE.stop(_grace) = sleep
      Thread.new { sleep 0.05 until Thread.list.any? { |it| it.name == "flock-dispatch" }; puts "ready" }
      answer(main.run)
    RUBY
    expect(result.status).to be_success, result.to_s
    expect(result.err).to include("did not stop within")
  end

  it "ends with the dispatcher, and says why" do
    result = agent(<<~RUBY)
      def NATIVE.next_event(_timeout) = raise(TypeError, "broken")
      finish(main.run)
    RUBY
    expect(result.answer).to eq([1, ["stop"]]), result.to_s
    expect(result.err).to include("broken")
  end

  it "ends a start that hangs" do
    result = agent(<<~RUBY) { |pid| Process.kill(:TERM, pid) }
      def NATIVE.start = puts("ready").then { sleep }
      finish(main.run)
    RUBY
    expect(result.answer).to eq([0, []]), result.to_s
  end

  it "stops by a signal that comes as soon as the native agent serves" do
    result = agent(<<~RUBY)
      def NATIVE.start = Process.kill(:TERM, $$).then { super }
      finish(main.run)
    RUBY
    expect(result.answer).to eq([0, ["stop"]]).or(eq([0, []])), result.to_s
  end

  it "says why it cannot start" do
    result = agent(<<~RUBY)
      def NATIVE.start = raise(FlockOfChefs::ConfigurationError, "no identity")
      answer(begin main.run rescue $!.message end)
    RUBY
    expect(result.answer).to eq("no identity"), result.to_s
  end

  it "stops when the native agent says so" do
    result = agent('NATIVE.push({ "type" => "stop" }); finish(main.run)')
    expect(result.answer).to eq([0, ["stop"]]), result.to_s
  end
end
