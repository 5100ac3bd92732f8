# frozen_string_literal: true

require "stringio"
require "support/fake_native_agent"
require "support/worker_node"
require "flock_of_chefs/agent/log"
require "flock_of_chefs/agent/supervisor"

# The agent's Ruby side and real workers with real Chef: whatever happens to a warm worker, each job has a clear outcome
# and the next one is served.
RSpec.describe "A warm worker" do
  before(:context) do
    @node = WorkerNode.new
    @node.cookbook("cb", "recipes/default.rb" => recipe)
    @node.converge
  end

  after(:context) { @node.close }

  before do
    FileUtils.rm_f(%w[begun block hang crash leave].map { |name| node.path(name) } +
                   Dir.glob("#{node.data_dir}/results/*"))
  end

  after { supervisor.close }

  attr_reader :node

  let(:native) { FakeNativeAgent.new }
  let(:log) { StringIO.new }
  let(:states) { Thread::Queue.new }
  let(:seen) { [] }
  let(:limits) { { compile_s: 60, fork_s: 30, pause_s: 0.2 } }
  let(:keeper) do
    FlockOfChefs::Agent::WarmKeeper.new(launch: FlockOfChefs::Worker::Launch,
                                        log: FlockOfChefs::Agent::Log.new(log), **limits) { |state| states.push(state) }
  end
  let(:supervisor) do
    FlockOfChefs::Agent::Supervisor.new(native, log: FlockOfChefs::Agent::Log.new(log), keeper:, kill_after_s: 1)
  end

  # Of a file that others look for: it is there as a whole or not at all.
  def whole(name, text)
    "::File.write('#{@node.path("#{name}.part")}', #{text}); " \
      "::File.rename('#{@node.path("#{name}.part")}', '#{@node.path(name)}')"
  end

  def recipe
    <<~RUBY
      at_exit { ::File.write('#{@node.path("at exit")}', Process.pid.to_s) } if ::Chef::Config[:why_run]
      sleep if ::Chef::Config[:why_run] && ::File.exist?('#{@node.path("hang")}')
      Process.kill(:KILL, Process.pid) if ::Chef::Config[:why_run] && ::File.exist?('#{@node.path("crash")}')
      exit!(3) if ::Chef::Config[:why_run] && ::File.exist?('#{@node.path("leave")}')
      ::File.open('#{@node.path("compiles")}', 'a') { |f| f.puts Process.pid } if ::Chef::Config[:why_run]
      ruby_block('block') { block { ::File.write('#{@node.path("block")}', Process.ppid.to_s) }; action :nothing }
      ruby_block('blocks') { block { #{whole("begun", "Process.pid.to_s")}; sleep }; action :nothing }
      ruby_block('slow') do
        block { ::File.write('#{@node.path("begun")}', ''); sleep 0.02 until ::File.exist?('#{@node.path("on")}') }
        action :nothing
      end
      ruby_block('leaves') do
        block { ::File.write('#{@node.path("left")}', ($left = ::Tempfile.new('left')).path) }
        action :nothing
      end
      ruby_block('sees') do
        block do
          fds = Dir.children('/proc/self/fd').to_h { |fd| [fd, (::File.readlink("/proc/self/fd/" + fd) rescue nil)] }
          ::File.write('#{@node.path("sees")}', JSON.generate(fds: fds, umask: ::File.umask, cwd: Dir.pwd,
                                                              group: Process.getpgrp == Process.pid))
        end
        action :nothing
      end
    RUBY
  end

  def event(key, generation: node.generation, timeout_ms: 60_000)
    job = node.job(key, "run", generation:)
    { "type" => "run", "job" => job["job"], "job_file" => node.job_file(job), "timeout_ms" => timeout_ms,
      "warm" => true, "generation" => generation, "snapshot_dir" => job["snapshot_dir"],
      "ruby" => node.snapshot(generation)["ruby"], "result" => job["result"], "started" => job["started"] }
  end

  def run(key = "ruby_block[block]", **options)
    event = event(key, **options)
    supervisor.run(event)
    [File.exist?(event["result"]) ? JSON.parse(File.read(event["result"])) : nil, event]
  end

  # Waits until the keeper has said this; gives the first such state.
  def state(wanted)
    node.eventually("the worker is #{wanted}") do
      seen << states.pop until states.empty?
      seen.find { |state| state[:state] == wanted }
    end
  end

  def warm_pid = keeper.instance_variable_get(:@process)&.pid

  def compiles = File.readlines(node.path("compiles")).size

  def finished(event) = native.calls.find { |name, body| name == "job_finished" && body["job"] == event["job"] }&.last

  def done = include("status" => "done", "updated" => true)

  # A job that is under way.
  def running(key)
    event = event(key)
    thread = Thread.new { supervisor.run(event) }
    node.eventually("#{key} begins") { node.exist?("begun") }
    [event, thread]
  end

  it "loads Chef when it is told, compiles at the first job and not again, and claims each child by its own pid" do
    supervisor.prepare(event("ruby_block[block]").merge("type" => "prepare"))
    state("loaded")
    before = node.exist?("compiles") ? compiles : 0
    results = Array.new(3) { run.first }
    expect(results).to all(done)
    expect(compiles - before).to eq(1)
    claimed = native.calls.filter_map { |name, body| body["pid"] if name == "job_claimed" }
    expect(results.map { |result| result["pid"] }).to eq(claimed)
    expect(node.read("block")).to eq(warm_pid.to_s)
    expect(native.calls.map(&:last)).to include(include("exit" => 0, "signal" => nil, "timed_out" => false))
  end

  it "serves the first job as well when nobody prepared it" do
    expect(run.first).to done
    expect(node.read("block")).to eq(warm_pid.to_s)
  end

  it "gives a child nothing of other children, no input, a group, and what Chef expects of its surroundings" do
    2.times { run("ruby_block[sees]") }
    seen = JSON.parse(node.read("sees"))
    sockets = seen["fds"].values.compact.grep(/\Asocket:/)
    expect(sockets.size).to eq(1), seen.inspect # the line to the agent, for this job alone
    expect(seen["fds"]["0"]).to eq(File::NULL)
    expect(seen["fds"].values_at("1", "2")).to all(end_with("/worker.log"))
    expect(seen).to include("umask" => 0o022, "group" => true, "cwd" => node.snapshot["ruby"]["cwd"])
  end

  it "runs nothing in a child that the recipes registered for the end of their process" do
    FileUtils.rm_f(node.path("at exit"))
    expect(run.first).to done
    expect(node).not_to exist("at exit")
  end

  it "leaves no temporary file of an action behind" do
    expect(run("ruby_block[leaves]").first).to done
    expect(File).not_to exist(node.read("left"))
  end

  [true, false].each do |warm|
    it "leaves no result, so that it is tried again, where its beginning cannot be written down (warm: #{warm})" do
      job = node.job("ruby_block[block]", "run").merge("started" => node.path("missing/started"))
      File.write(node.job_file(job), JSON.generate(job))
      event = event("ruby_block[block]").merge("job" => job["job"], "job_file" => node.job_file(job), "warm" => warm)
      supervisor.run(event)
      expect([File.exist?(job["result"]), node.exist?("block")]).to eq([false, false])
      expect(finished(event)).to include("exit" => 1, "timed_out" => false)
    end
  end

  it "is started again, after a pause, when it is killed while it is idle, and serves on" do
    run
    first = warm_pid
    Process.kill(:KILL, first)
    expect(state("backing_off")).to include(failures: 1, message: "it ended (signal 9)")
    expect(run.first).to done # by a cold one, if the pause is not over
    node.eventually("a new one") { warm_pid && warm_pid != first }
    expect(run.first).to done
    expect(node.read("block")).to eq(warm_pid.to_s)
  end

  it "makes the pause longer with each death" do
    allow(FlockOfChefs::Worker::Launch).to receive(:warm).and_wrap_original do |launch, *arguments|
      env, argv, options = launch.call(*arguments)
      [env, [argv.first, "-e", "exit 7"], options]
    end
    supervisor.prepare(event("ruby_block[block]"))
    node.eventually("three deaths") { state("backing_off") && seen.any? { |state| state[:failures] == 3 } }
    pauses = log.string.scan(/started again in ([\d.]+) s/).flatten.map(&:to_f)
    expect(pauses.first(3)).to eq([0.2, 0.4, 0.8])
    expect(run.first).to done
  end

  it "loses nothing when it is killed while a child runs" do
    event, thread = running("ruby_block[slow]")
    Process.kill(:KILL, warm_pid)
    state("backing_off")
    node.write("on", "")
    thread.join
    expect(node.result(event)).to done
    expect(finished(event)).to include("exit" => nil, "signal" => nil, "timed_out" => false)
    expect(run.first).to done
  ensure
    FileUtils.rm_f(node.path("on"))
  end

  it "tells of a child that the kernel killed, and serves on" do
    event, thread = running("ruby_block[blocks]")
    Process.kill(:KILL, Integer(node.read("begun")))
    thread.join
    expect([node.result(event), File.exist?(event["started"])]).to eq([nil, true])
    expect(finished(event)).to include("exit" => nil, "signal" => 9, "timed_out" => false)
    expect(run.first).to done
  end

  it "tells of the end of a child even if both it and the warm worker were killed" do
    event, thread = running("ruby_block[blocks]")
    child = Integer(node.read("begun"))
    [warm_pid, child].each { |pid| Process.kill(:KILL, pid) }
    thread.join
    expect(finished(event)).to include("timed_out" => false)
    expect(node.result(event)).to be_nil
  end

  it "ends a child that overruns its time, and serves on" do
    run
    result, event = run("ruby_block[blocks]", timeout_ms: 500)
    expect([result, finished(event)]).to match([nil, include("signal" => 15, "timed_out" => true)])
    expect { Process.kill(0, Integer(node.read("begun"))) }.to raise_error(Errno::ESRCH)
    expect(run.first).to done
  end

  context "when it stops answering" do
    let(:limits) { super().merge(fork_s: 1) }

    it "is ended, and the job goes to a cold one" do
      run
      state("warm")
      pid = warm_pid
      Process.kill(:STOP, pid)
      expect(run.first).to done
      expect { sleep 0.02 while Process.kill(0, pid) }.to raise_error(Errno::ESRCH)
    end
  end

  context "when the recipes never come to an end" do
    let(:limits) { super().merge(compile_s: 4) }

    it "is ended after its limit; the job goes to a cold worker, whose time limit holds" do
      node.write("hang", "")
      result, event = run(timeout_ms: 2_000)
      expect([result, finished(event)]).to match([nil, include("timed_out" => true)])
      expect(log.string).to include("has not answered in time")
      File.delete(node.path("hang"))
      expect(run.first).to done
    end
  end

  %w[crash leave].each do |way|
    it "leaves a job whose compile ends the process (#{way}) to a cold worker, and serves on" do
      node.write(way, "")
      result, event = run
      expect(result).to be_nil
      expect(finished(event)).to include("timed_out" => false)
      expect(File.exist?(event["started"])).to be(false)
      File.delete(node.path(way))
      expect(run.first).to done
    end
  end

  it "ends with the agent, also while it compiles, but not the child that runs" do
    event, thread = running("ruby_block[slow]")
    warm = warm_pid
    supervisor.close
    node.write("on", "")
    thread.join
    expect(node.result(event)).to done
    expect { sleep 0.02 while Process.kill(0, warm) }.to raise_error(Errno::ESRCH)
  ensure
    FileUtils.rm_f(node.path("on"))
  end

  it "does not outlive an agent that was killed while a recipe hangs" do
    node.write("hang", "")
    ours, = FlockOfChefs::Worker::Control.pair
    process = node.warm_worker
    expect(process.child("job-x", node.job_file(node.job("ruby_block[block]", "run")))).not_to be_nil
    node.eventually("it compiles") { process.state == :compiling }
    process.let_go
    expect(process.wait(30)).not_to be_nil
    ours.close
  end

  it "gives way to the next generation while its child runs on" do
    first = node.generation
    event, thread = running("ruby_block[slow]")
    old = warm_pid
    publish(first + 1)
    supervisor.prepare(event("ruby_block[block]"))
    expect(warm_pid).not_to eq(old)
    node.write("on", "")
    thread.join
    expect(node.result(event)).to done
    expect { sleep 0.02 while Process.kill(0, old) }.to raise_error(Errno::ESRCH)
    expect(run.first).to done
    expect(node.read("block")).to eq(warm_pid.to_s)
  ensure
    File.write(File.join(node.data_dir, "snapshots", "current"), first.to_s)
    FileUtils.rm_f(node.path("on"))
  end

  # The same snapshot under the next number.
  def publish(number)
    snapshots = File.join(node.data_dir, "snapshots")
    FileUtils.cp_r(File.join(snapshots, node.generation.to_s), File.join(snapshots, number.to_s))
    File.write(File.join(snapshots, "current"), number.to_s)
  end

  context "with a thousand resources" do
    before(:context) do
      @many = WorkerNode.new(warm: true)
      @many.cookbook("cb", "recipes/default.rb" => <<~RUBY)
        1000.times { |n| file('#{@many.path("file")}' + n.to_s) { content n.to_s; action :nothing } }
        ruby_block('counts') do
          block { ::File.write('#{@many.path("count")}', run_context.resource_collection.all_resources.size.to_s) }
          action :nothing
        end
      RUBY
      @many.converge
    end

    after(:context) { @many.close }

    it "runs only the one, and says which are not there" do
      expect(@many.fire("file[#{@many.path("file999")}]", "create")).to done
      expect(@many.fire("file[#{@many.path("file7")}]", "create")).to done
      expect(@many.fire("ruby_block[counts]", "run")).to done
      expect(@many.read("count")).to eq("1001")
      expect(Dir.glob(@many.path("file*")).map { |file| File.basename(file) }).to contain_exactly("file7", "file999")
      expect(@many.fire("file[#{@many.path("absent")}]", "create")).to include("code" => "resource_absent")
    end
  end

  it "is let go when no warm worker is wanted; cold ones do the work then" do
    run
    warm = warm_pid
    supervisor.retire
    expect { sleep 0.02 while Process.kill(0, warm) }.to raise_error(Errno::ESRCH)
    cold = event("ruby_block[block]").merge("warm" => false)
    supervisor.run(cold)
    expect(node.result(cold)).to done
    expect([warm_pid, node.read("block")]).to eq([nil, Process.pid.to_s])
  end
end
