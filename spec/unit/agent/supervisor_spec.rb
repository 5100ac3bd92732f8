# frozen_string_literal: true

require "rbconfig"
require "stringio"
require "tmpdir"
require "flock_of_chefs/agent/log"
require "flock_of_chefs/agent/supervisor"
require "support/fake_native_agent"

RSpec.describe FlockOfChefs::Agent::Supervisor do
  subject(:supervisor) do
    described_class.new(native, log: FlockOfChefs::Agent::Log.new(log), launch:, kill_after_s: 20, report_pause_s: 0)
  end

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  let(:native) { FakeNativeAgent.new }
  let(:log) { StringIO.new }
  let(:script) { "exit(gets == %(go\\n) ? 0 : 9)" }
  let(:launch) do
    options = { out: [File.join(@dir, "worker.log"), "a"], err: %i[child out] }
    argv = [RbConfig.ruby, "--disable=gems", "-e", "$stdout.sync = true; #{script}"]
    Struct.new(:reply) { def command(_job, _ruby) = reply }.new([{}, argv, options])
  end
  let(:event) { { "type" => "run", "job" => "j1", "ruby" => {}, "timeout_ms" => 60_000 } }

  def finished = native.told("job_finished")

  it "records the claim, with the process's identity, before the worker may act" do
    supervisor.run(event)
    claim = native.calls.first
    expect(claim).to match(["job_claimed", { "job" => "j1", "pid" => a_value > 1, "pid_start" => a_value > 1 }])
    expect(finished).to eq("job" => "j1", "exit" => 0, "signal" => nil, "timed_out" => false, "stderr_tail" => "")
  end

  it "is the leader of a process group of its own while it runs" do
    expect(FlockOfChefs::Agent::ProcessGroup.start_of(Process.pid)).to eq(
      File.read("/proc/self/stat").rpartition(")").last.split[19].to_i
    )
  end

  context "when the worker fails" do
    let(:script) { "gets; warn 'x' * 5000; warn 'the last line'; exit 3" }

    it "passes its exit code and the end of what it printed on" do
      supervisor.run(event)
      expect(finished).to include("exit" => 3, "stderr_tail" => a_string_ending_with("the last line\n"))
      expect(finished["stderr_tail"].bytesize).to eq(FlockOfChefs::Agent::WorkerProcess::TAIL_BYTES)
    end
  end

  context "when the worker dies of a signal" do
    let(:script) { "gets; Process.kill(:KILL, $$); sleep" }

    it "says of which" do
      supervisor.run(event)
      expect(finished).to include("exit" => nil, "signal" => 9, "timed_out" => false)
    end
  end

  context "when the worker overruns its time" do
    let(:event) { super().merge("timeout_ms" => 500) }
    let(:script) { "Process.spawn('sleep 300'); gets; sleep" }

    it "ends its whole group with TERM" do
      supervisor.run(event)
      expect(finished).to include("signal" => 15, "timed_out" => true)
      pid = native.calls.first.last["pid"]
      expect { sleep 0.05 while Process.kill(0, -pid) }.to raise_error(Errno::ESRCH)
    end
  end

  context "when the worker ignores TERM" do
    subject(:supervisor) do
      described_class.new(native, log: FlockOfChefs::Agent::Log.new(log), launch:, kill_after_s: 0.3)
    end

    let(:event) { super().merge("timeout_ms" => 1500) }
    let(:script) { "trap(:TERM, 'IGNORE'); gets; sleep" }

    it "is killed" do
      supervisor.run(event)
      expect(finished).to include("signal" => 9, "timed_out" => true)
    end
  end

  context "when the claim cannot be recorded" do
    let(:native) { FakeNativeAgent.new(answers: { "job_claimed" => FlockOfChefs::InternalError.new("disk full") }) }
    let(:script) { "exit(gets.nil? ? 0 : 9).tap { File.write('acted', '') }" }

    it "calls the worker off and gives the job back" do
      supervisor.run(event)
      expect(native.operations).to eq(%w[job_claimed job_abandoned])
      expect(native.told("job_abandoned")["message"]).to include("disk full")
    end
  end

  describe "with a warm worker" do
    subject(:supervisor) do
      described_class.new(native, log: FlockOfChefs::Agent::Log.new(log), launch:, keeper:, kill_after_s: 20)
    end

    let(:event) { super().merge("warm" => true) }
    let(:status) { FlockOfChefs::Agent::WarmChild::Status.new(0, nil) }
    let(:child) do
      instance_double(FlockOfChefs::Agent::WarmChild, pid: 4711, pid_start: 12, go: nil, call_off: nil, close: nil,
                                                      wait: status, tail: "")
    end
    let(:keeper) { instance_double(FlockOfChefs::Agent::WarmKeeper, child:, prepare: nil, retire: nil, stop: nil) }

    it "claims the forked process and tells it to go, and lets the line go in the end" do
      supervisor.run(event)
      expect(native.calls.first).to eq(["job_claimed", { "job" => "j1", "pid" => 4711, "pid_start" => 12 }])
      expect(finished).to include("exit" => 0, "timed_out" => false)
      expect([child, child]).to all(have_received(:close)).and all(have_received(:go))
    end

    it "takes a cold one when there is no process for the job, or none is to be asked for" do
      allow(keeper).to receive(:child).and_return(nil)
      supervisor.run(event)
      expect(finished).to include("exit" => 0)
      supervisor.run(event.merge("warm" => false, "job" => "j2"))
      expect(keeper).to have_received(:child).once
    end

    it "calls the forked process off when its claim is refused" do
      error = FlockOfChefs::RejectedError.new("nothing left", code: "nothing_to_run")
      allow(native).to receive(:call).and_wrap_original do |call, operation, *rest|
        operation == "job_claimed" ? raise(error) : call.call(operation, *rest)
      end
      supervisor.run(event)
      expect(child).to have_received(:call_off).at_least(:once)
      expect(child).not_to have_received(:go)
    end

    it "hands wishes on, and lets it go with the agent" do
      supervisor.prepare("generation" => 1)
      supervisor.retire
      supervisor.close
      expect(keeper).to have_received(:prepare).with("generation" => 1)
      expect([keeper, keeper]).to all(have_received(:retire)).and all(have_received(:stop))
    end
  end

  it "gives a job back that no worker could be started for" do
    launch.reply = [{}, ["/nonexistent/ruby"], {}]
    supervisor.run(event)
    expect(native.calls)
      .to match([["job_abandoned", { "job" => "j1", "message" => a_string_including("/nonexistent/ruby") }]])
    expect(log.string).to include("j1")
  end

  it "leaves no descriptor behind" do
    supervisor.run(event)
    GC.start # closes what other examples left to the collector
    before = Dir.children("/proc/self/fd").size
    3.times { supervisor.run(event) }
    launch.reply = [{}, ["/nonexistent/ruby"], {}]
    supervisor.run(event)
    expect(Dir.children("/proc/self/fd").size).to be <= before
  end

  context "when a report is refused for the moment" do
    let(:native) do
      answers = [FlockOfChefs::RejectedError.new("busy"), { "state" => "done" }]
      FakeNativeAgent.new(answers: { "job_finished" => answers })
    end

    it "is made again" do
      supervisor.run(event)
      expect(native.operations).to eq(%w[job_claimed job_finished job_finished])
    end
  end
end
