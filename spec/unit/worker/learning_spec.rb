# frozen_string_literal: true

require "timeout"
require "tmpdir"
require "flock_of_chefs/agent/warm_keeper"
require "flock_of_chefs/worker/learning"

RSpec.describe FlockOfChefs::Worker::Learning do
  around do |example|
    Timeout.timeout(60) { Dir.mktmpdir { |dir| (@dir = dir) && example.run } }
  end

  let(:pids) { "#{@dir}/pids" }

  def gone(pid)
    expect { sleep 0.01 while Process.kill(0, pid) }.to raise_error(Errno::ESRCH)
  end

  # The throw-away process, once it is at work.
  def learner
    sleep 0.01 until File.size?(pids)
    Integer(File.read(pids))
  end

  def learn(kept = StringIO.new)
    described_class.send(:features, kept) do
      File.write(pids, Process.pid.to_s)
      yield if block_given?
    end
  end

  it "takes less than the agent waits for a process of a warm worker" do
    expect(described_class::LIMIT_S * 2).to be <= FlockOfChefs::Agent::WarmKeeper::FORK_S
  end

  it "holds nothing of the process that stays" do
    IO.pipe do |reader, writer|
      expect(learn(writer) { $LOADED_FEATURES << "closed" if writer.closed? }).to eq(["closed"])
      writer.write("x")
      expect(reader.readpartial(1)).to eq("x")
    end
  end

  it "ends by itself when the process that stays was killed" do
    stub_const("#{described_class}::LIMIT_S", 0.5)
    parent = fork do
      learn { sleep }
    ensure
      Process.exit!(0)
    end
    found = learner
    Process.kill(:KILL, parent)
    expect(Process.wait2(parent).last).to be_signaled
    gone(found)
  end

  it "is ended, and its folder removed, when the process that stays cannot wait" do
    described_class.instance_variable_set(:@folder, FileUtils.mkdir_p("#{@dir}/folder").first)
    thread = Thread.new { learn { sleep } }
    found = learner
    described_class.abandon
    gone(found)
    thread.join
    expect(File).not_to exist("#{@dir}/folder")
  ensure
    described_class.instance_variable_set(:@folder, nil)
  end
end
