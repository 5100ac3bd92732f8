# frozen_string_literal: true

require "rbconfig"
require "stringio"
require "timeout"
require "tmpdir"
require "flock_of_chefs/agent/log"
require "flock_of_chefs/agent/warm_keeper"

# Real processes that speak the warm worker's language and nothing of Chef.
RSpec.describe FlockOfChefs::Agent::WarmKeeper do
  subject(:keeper) do
    described_class.new(launch:, log: FlockOfChefs::Agent::Log.new(log), **limits) { |state| states.push(state) }
  end

  around do |example|
    Timeout.timeout(60) { Dir.mktmpdir { |dir| (@dir = dir) && example.run } }
  end

  after { keeper.stop }

  let(:limits) { { compile_s: 30, fork_s: 30, pause_s: 0.05 } }
  let(:log) { StringIO.new }
  let(:states) { Thread::Queue.new }
  # A worker that answers each job as it should.
  let(:script) { "CONTROL.tell(state: 'loaded'); serve { |line| introduce(line); line.gets }" }
  let(:launch) do
    control = File.expand_path("../../../lib/flock_of_chefs/worker/control", __dir__)
    prelude = <<~RUBY
      require #{control.inspect}
      CONTROL = FlockOfChefs::Worker::Control.take($stdin)
      def introduce(line)
        Process.setpgid(0, 0)
        start = File.read("/proc/self/stat").rpartition(")").last.split[19].to_i
        line.write(JSON.generate(pid: Process.pid, pid_start: start) + "\\n")
      end
      def serve
        while (message, line = CONTROL.hear)
          pid = fork { CONTROL.close; yield line }
          line.close
          CONTROL.tell(ended: message["job_file"], exit: Process.wait2(pid).last.exitstatus)
        end
      end
    RUBY
    FakeLaunch.new([RbConfig.ruby, "--disable=gems", "-e", prelude + script], [])
  end
  let(:event) { { "generation" => 1, "snapshot_dir" => "#{@dir}/snapshots/1", "ruby" => {}, "warm" => true } }

  fake = Struct.new(:argv, :asked) do
    def warm(folder, data_dir, _ruby)
      asked << [folder, data_dir]
      [{ "RUBYOPT" => nil }, argv, {}]
    end

    def log_path(data_dir) = File.join(data_dir, "worker.log")
    def rotate(_path) = nil
  end
  before { stub_const("FakeLaunch", fake) }

  def job(name = "j1") = event.merge("job" => name, "job_file" => name)

  def state(wanted)
    loop { states.pop.then { |state| return state if state[:state] == wanted } }
  end

  def process = keeper.instance_variable_get(:@process)

  def gone(pid)
    expect { sleep 0.01 while Process.kill(0, pid) }.to raise_error(Errno::ESRCH)
  end

  it "starts one worker per generation, in the folder that the event names" do
    2.times { keeper.prepare(event) }
    expect(launch.asked).to eq([["#{@dir}/snapshots/1", @dir]])
    expect(state("loaded")).to eq(state: "loaded", generation: 1, failures: 0, message: "")
  end

  it "gives a process that has said who it is, and tells how it ended" do
    child = keeper.child(job)
    expect(child.pid_start).to eq(FlockOfChefs::Agent::ProcessGroup.start_of(child.pid))
    child.go
    expect(child.wait(30)).to have_attributes(exitstatus: 0, termsig: nil)
    child.close
  end

  it "replaces the worker when another generation is wanted" do
    keeper.prepare(event)
    old = process.pid
    keeper.prepare(event.merge("generation" => 2, "snapshot_dir" => "#{@dir}/snapshots/2"))
    gone(old)
    expect([process.alive?, launch.asked.size]).to eq([true, 2])
  end

  it "does not go back to an older generation for a job that was offered too early" do
    keeper.prepare(event.merge("generation" => 2))
    newer = process
    expect([keeper.child(job), process]).to eq([nil, newer])
  end

  it "has none once none is wanted, and takes no further job once it was stopped" do
    keeper.prepare(event)
    keeper.retire
    expect([process, state("cold")[:generation]]).to eq([nil, 0])
    keeper.stop
    expect(keeper.child(job)).to be_nil
  end

  context "when the worker does not start" do
    let(:script) { "exit 3" }

    it "waits longer each time, and leaves jobs to cold workers" do
      keeper.prepare(event)
      messages = Array.new(3) { state("backing_off") }
      expect(messages.map { |state| state[:failures] }).to eq([1, 2, 3])
      expect(messages.last[:message]).to eq("it ended (exit 3)")
      expect(log.string.scan(/again in ([\d.]+) s/).flatten.first(3)).to eq(%w[0.05 0.1 0.2])
    end

    it "forgets the failures of a generation with it" do
      keeper.prepare(event)
      state("backing_off")
      keeper.prepare(event.merge("generation" => 2))
      expect(state("loading")[:failures]).to eq(0)
    end
  end

  context "when the program is not there" do
    before { launch.argv = ["/nonexistent/ruby"] }

    it "says so, and has no process for a job" do
      expect(keeper.child(job)).to be_nil
      expect(state("backing_off")[:message]).to include("/nonexistent/ruby")
    end
  end

  context "when the worker hears a job and does nothing" do
    let(:limits) { super().merge(compile_s: 0.5) }
    let(:script) { "serve { |_| sleep }" }

    it "ends it and leaves the job to a cold one" do
      keeper.prepare(event)
      pid = process.pid
      expect(keeper.child(job)).to be_nil
      gone(pid)
      expect(state("backing_off")[:message]).to eq("it ended (signal 9)")
    end
  end

  context "when a job's process ends before it has said who it is" do
    let(:script) { "serve { |_| exit 1 }" }

    it "leaves the job to a cold one and keeps the worker" do
      expect(keeper.child(job)).to be_nil
      expect(process).to be_alive
    end
  end

  context "when a compile fails" do
    let(:script) do
      <<~RUBY
        _, line = CONTROL.hear
        exit unless line
        pid = fork { introduce(line); line.gets }
        line.close
        CONTROL.tell(state: "spoiled")
        Process.wait(pid)
      RUBY
    end

    it "takes a new worker for the next job, without a pause" do
      child = keeper.child(job)
      state("spoiled")
      child.go
      child.wait(30)
      child.close
      expect(state("loading")[:failures]).to eq(0)
      expect(launch.asked.size).to be >= 2
    end
  end

  context "when the worker dies while a job runs" do
    let(:script) { "serve { |line| introduce(line); line.gets; sleep 0.3 }" }

    it "notices the end of the job all the same" do
      child = keeper.child(job)
      Process.kill(:KILL, process.pid)
      state("backing_off")
      expect(child.wait(0.01)).to be_nil
      child.go
      expect(child.wait(30)).to have_attributes(exitstatus: nil, termsig: nil)
      child.close
    end
  end

  context "when the worker dies while something that it started holds its connection" do
    let(:script) { "File.write('#{@dir}/holder', fork { sleep 100 }); #{super()}" }

    after { Process.kill(:KILL, Integer(File.read("#{@dir}/holder"))) }

    it "notices its end, and that of its job, at once" do
      child = keeper.child(job)
      [process.pid, child.pid].each { |pid| Process.kill(:KILL, pid) }
      state("backing_off")
      expect(child.wait(30)).to have_attributes(exitstatus: nil, termsig: nil)
      child.close
    end
  end

  it "sends no signal to whoever has a job's pid after it" do
    child = keeper.child(job)
    allow(FlockOfChefs::Agent::ProcessGroup).to receive(:start_of).and_return(child.pid_start + 1)
    child.signal(:KILL)
    child.go
    expect(child.wait(30)).to have_attributes(exitstatus: 0)
    child.close
  end

  it "leaves no descriptor behind" do
    use = lambda do |name|
      child = keeper.child(job(name))
      child.go
      child.wait(30)
      child.close
    end
    use.call("first")
    GC.start
    before = Dir.children("/proc/self/fd").size
    5.times { |n| use.call("j#{n}") }
    expect(Dir.children("/proc/self/fd").size).to be <= before
  end
end
