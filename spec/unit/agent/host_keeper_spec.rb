# frozen_string_literal: true

require "rbconfig"
require "stringio"
require "timeout"
require "tmpdir"
require "flock_of_chefs/agent/host_keeper"
require "flock_of_chefs/agent/log"

# Real processes that speak a host's language and nothing of the agent's.
RSpec.describe FlockOfChefs::Agent::HostKeeper do
  subject(:keeper) do
    described_class.new("files", launch:, log: FlockOfChefs::Agent::Log.new(log), **limits) { |state| states.push(state) }
  end

  around do |example|
    Timeout.timeout(60) { Dir.mktmpdir { |dir| (@dir = dir) && example.run } }
  end

  after { keeper.stop(0) }

  let(:limits) { { pause_s: 0.05, deaths: 4 } }
  let(:log) { StringIO.new }
  let(:states) { Thread::Queue.new }
  # Serves until it is let go, and writes what it was told.
  let(:script) { "File.write('#{@dir}/told', ORDER.to_json); CONTROL.tell(state: 'serving'); CONTROL.hear" }
  let(:host) do
    { "kind" => "files", "token" => "one", "socket" => "/s", "data_dir" => @dir, "files" => ["a.rb"], "digest" => "d" }
  end
  let(:launch) do
    control = File.expand_path("../../../lib/flock_of_chefs/worker/control", __dir__)
    prelude = <<~RUBY
      require #{control.inspect}
      CONTROL = FlockOfChefs::Worker::Control.take($stdin)
      ORDER, = CONTROL.hear
    RUBY
    argv = [RbConfig.ruby, "--disable=gems", "-e", prelude + script]
    instance_double(launcher, command: [{ "RUBYOPT" => nil }, argv, { out: ["#{@dir}/log", "a"], err: %i[child out] }])
  end
  let(:launcher) { Class.new { def command(_host) = nil } }

  def state(wanted)
    loop { states.pop.then { |state| return state if state[:state] == wanted } }
  end

  def gone(pid)
    expect { sleep 0.01 while Process.kill(0, pid) }.to raise_error(Errno::ESRCH)
  end

  it "starts a process, tells it what to serve, and hears that it does" do
    keeper.want(host)
    expect(state("serving")).to eq(kind: "files", state: "serving", failures: 0, message: "")
    expect(JSON.parse(File.read("#{@dir}/told")))
      .to eq("kind" => "files", "token" => "one", "socket" => "/s", "data_dir" => @dir, "files" => ["a.rb"])
  end

  it "goes on with it as long as the code is the same" do
    keeper.want(host)
    state("serving")
    pid = keeper.pid
    keeper.want(host.merge("generation" => 2))
    expect(keeper.pid).to eq(pid)
  end

  it "lets the old process go when the new one serves" do
    keeper.want(host)
    state("serving")
    old = keeper.pid
    keeper.want(host.merge("token" => "two"))
    state("serving")
    gone(old)
    expect(keeper.pid).not_to eq(old)
  end

  it "ends the process when none is wanted" do
    keeper.want(host)
    state("serving")
    pid = keeper.pid
    keeper.want(nil)
    gone(pid)
    expect(state("off")[:failures]).to eq(0)
  end

  it "starts it again when it dies" do
    keeper.want(host)
    state("serving")
    Process.kill("KILL", keeper.pid)
    expect(state("backing_off")).to include(failures: 1, message: "it ended (signal 9)")
    expect(state("serving")).to include(failures: 1, message: "it ended (signal 9)")
  end

  context "when the new code is broken" do
    let(:script) { "exit 3 if ORDER['token'] == 'broken'; CONTROL.tell(state: 'serving'); CONTROL.hear" }

    it "leaves the old process in its place until there is one that serves" do
      keeper.want(host)
      state("serving")
      old = keeper.pid
      keeper.want(host.merge("token" => "broken"))
      state("backing_off")
      expect(Process.kill(0, old)).to eq(1)
      keeper.want(host.merge("token" => "mended"))
      state("serving")
      gone(old)
      expect(keeper.pid).not_to eq(old)
    end
  end

  context "when it never serves" do
    let(:script) { "warn 'flock_of_chefs host: a.rb: no such thing'; exit 3" }

    it "waits longer each time, then gives up until the code changes" do
      keeper.want(host)
      given_up = state("given_up")
      expect(given_up).to include(failures: 4, message: "it ended (exit 3): a.rb: no such thing")
      expect(log.string.scan(/again in ([\d.]+) s/).flatten).to eq(%w[0.05 0.1 0.2])
      keeper.want(host.merge("token" => "two"))
      expect(state("starting")[:failures]).to eq(0)
    end
  end

  context "when it does not end by itself" do
    let(:script) { "trap('TERM', 'IGNORE'); CONTROL.tell(state: 'serving'); sleep" }

    it "kills it when the agent stops" do
      keeper.want(host)
      state("serving")
      pid = keeper.pid
      keeper.stop(0.05)
      expect(keeper.pid).to be_nil
      gone(pid)
    end
  end
end
