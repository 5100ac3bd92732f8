# frozen_string_literal: true

require_relative "../support/fleet"
require_relative "../support/processes"

# What a notification becomes when processes die at the worst moment, held there by a FIFO.
RSpec.describe "a process that dies in the middle", :acceptance do
  around do |example|
    Fleet.open do |fleet|
      @fleet = fleet
      example.run
    end
  end

  before do
    File.mkfifo(gate)
    @hub = @fleet.hub("hub0")
    @target = @fleet.join("node1")
    @target.converge!(blocking)
  end

  def gate = File.join(@fleet.dir, "gate")
  def oracle = File.join(@fleet.dir, "oracle")
  def begun = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  # An action that has begun, says so on disk, and ends when someone writes to the FIFO.
  def blocking
    <<~RUBY
      ruby_block 'mark' do
        action :nothing
        block do
          File.open('#{oracle}', 'a') { |file| file.puts('begun'); file.fsync }
          File.read('#{gate}')
        end
      end
    RUBY
  end

  def notify(options = "")
    @hub.converge!(<<~RUBY)
      file '#{@fleet.dir}/trigger' do
        content '#{rand}'
        remote_notifies :run, 'ruby_block[mark]', node: 'node1'#{options}
      end
    RUBY
  end

  def worker
    Fleet.eventually("a worker of node1 runs") { Processes.worker_of(@target) }
  end

  # A worker that finds Chef's lock held ends by itself, and another comes.
  def kill_a_worker
    Fleet.eventually("a worker was killed") do
      pid = Processes.worker_of(@target)
      pid && Process.kill("KILL", pid)
    rescue Errno::ESRCH
      nil
    end
  end

  def wait_until_begun(times)
    Fleet.eventually("the action has begun #{times}×") { begun.length >= times }
  end

  it "is unknown, and not run again, when the worker is killed during the action" do
    notify
    wait_until_begun(1)
    Process.kill("KILL", worker)

    expect(@hub.settled(count: 1).first).to include("state" => "unknown", "code" => "worker_died")
    expect(begun.length).to eq(1)
  end

  it "is run again after `unknown` when the recipe asks for it" do
    notify(", retry: 1")
    wait_until_begun(1)
    Process.kill("KILL", worker)
    wait_until_begun(2)
    File.write(gate, "go")

    expect(@hub.settled(count: 1).first).to include("state" => "done", "attempt" => 2)
    expect(begun.length).to eq(2)
  end

  it "is simply run when the worker is killed before the action" do
    File.open(Dir[@target.path("cache/*-running.pid")].first, "r+") do |lock|
      lock.flock(File::LOCK_EX)
      notify
      kill_a_worker
    end
    wait_until_begun(1)
    File.write(gate, "go")

    expect(@hub.settled(count: 1).first["state"]).to eq("done")
    expect(begun.length).to eq(1)
  end

  it "ends as the worker says when the target's agent dies during the action" do
    notify
    wait_until_begun(1)
    @target.kill9
    File.write(gate, "go")
    Fleet.eventually("the worker has left its result") { Dir[@target.path("data/results/*.json")].any? }
    @target.start

    expect(@hub.settled(count: 1).first).to include("state" => "done", "attempt" => 1)
    expect(begun.length).to eq(1)
  end

  it "waits for a worker that outlives its agent" do
    notify
    wait_until_begun(1)
    @target.kill9
    @target.start
    expect(@hub.notifications.first["state"]).not_to eq("unknown")
    File.write(gate, "go")

    expect(@hub.settled(count: 1).first["state"]).to eq("done")
    expect(begun.length).to eq(1)
  end

  it "reaches a sender that was killed meanwhile" do
    notify
    wait_until_begun(1)
    @hub.kill9
    File.write(gate, "go")
    @hub.start

    expect(@hub.settled(count: 1).first["state"]).to eq("done")
    expect(begun.length).to eq(1)
  end
end
