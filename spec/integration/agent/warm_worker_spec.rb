# frozen_string_literal: true

require "support/fleet/context"

# The agent as its operator sees it: when it keeps a warm worker, and how it is.
RSpec.describe "An agent's warm worker" do
  include_context "with a fleet"

  def worker(node) = JSON.parse(node.flockctl!("status", "--format", "json"))["worker"]

  def reaches(node, state)
    eventually("the worker is #{state}") { worker(node).then { |found| found if found["state"] == state } }
  end

  def finding(node)
    JSON.parse(node.flockctl("doctor", "--format", "json").out).find { |found| found["check"] == "worker" }
  end

  def notify(node) = node.flockctl!("notify", node.name, "execute[mark]", "run", "--wait", "60")

  # Runs that the worker's compile is not: they note who fired them.
  def noting_parent
    <<~RUBY
      execute 'mark' do
        command "tr '\\\\0' ' ' < /proc/$PPID/cmdline >> #{oracle}; echo >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  def warm_pids
    Dir["/proc/[0-9]*"].filter_map do |folder|
      warm = File.read("#{folder}/cmdline").include?("flock_of_chefs warm worker")
      Integer(folder[/\d+/]) if warm && File.read("#{folder}/environ").include?(fleet.dir)
    rescue SystemCallError
      nil
    end
  end

  it "is loaded after a run, compiles at the first notification, and is replaced after the next run" do
    node = fleet.hub("bender0")
    expect(worker(node)["state"]).to eq("cold")
    node.converge!(noting_parent)
    expect(reaches(node, "loaded")["generation"]).to eq(1)
    notify(node)
    expect(reaches(node, "warm")["generation"]).to eq(1)
    expect(node.flockctl!("status")).to include("worker: warm, generation 1")
    node.converge!(noting_parent)
    eventually("the next generation") { worker(node).values_at("state", "generation") == ["loaded", 2] }
    eventually("one worker is left") { warm_pids.size == 1 }
    notify(node)
    expect(fired.grep(/flock_of_chefs worker \h/).size).to eq(2)
    expect(finding(node)).to include("level" => "ok", "message" => "warm, generation 2")
    node.stop
    eventually("it ends with its agent") { warm_pids.empty? }
  end

  it "is started again when it was killed, and ends soon after an agent that was killed" do
    node = fleet.hub("bender0")
    node.converge!(appending)
    reaches(node, "loaded")
    first = warm_pids
    Process.kill(:KILL, first.fetch(0))
    notify(node)
    eventually("another one is there") { warm_pids.size == 1 && warm_pids != first }
    node.kill9
    eventually("it is gone") { warm_pids.empty? }
    expect(fired).to eq(["mark"])
  end

  { "worker.warm = false" => { agent_toml: "[worker]\nwarm = false" },
    "this machine has less than 1 GiB of memory" => {} }.each do |reason, options|
    it "is not kept where #{reason}" do
      node = fleet.add("bender0", hub: true, **options)
      node.flockctl!("init")
      File.write(node.path("meminfo"), "MemTotal:  #{options.empty? ? 900_000 : 4_000_000} kB\n")
      node.start(env: { "FLOCK_MEMINFO_FILE" => node.path("meminfo") })
      node.converge!(appending)
      notify(node)
      expect(fired).to eq(["mark"])
      expect([worker(node).slice("state", "message"), warm_pids]).to eq([{ "state" => "off", "message" => reason }, []])
      expect(finding(node)).to include("level" => "ok", "message" => "cold, one per action: #{reason}")
    end
  end

  it "replays what the recipes of a real run called" do
    node = fleet.hub("bender0")
    node.converge!(<<~RUBY)
      peers = FlockOfChefs::Run::Calls.remote('peers', ['web']) { ::File.write('#{fleet.dir}/called', '1', mode: 'a'); %w[a b] }
      execute 'mark' do
        command "echo '\#{peers.join(",")}' >> #{oracle}"
        action :nothing
      end
      ruby_block('converging') { block { FlockOfChefs::Run::Calls.remote('late') { 1 } } }
    RUBY
    calls = JSON.parse(File.read(node.path("data/snapshots/1/calls.json")))["calls"]
    expect(calls).to eq([{ "site" => "acceptance/recipes/default.rb:1", "name" => "peers", "arguments" => ["web"],
                           "result" => %w[a b] }])
    notify(node)
    expect([fired, File.read(File.join(fleet.dir, "called"))]).to eq([["a,b"], "1"])
  end

  it "tells the doctor when it keeps dying" do
    node = fleet.hub("bender0")
    node.converge!(appending)
    node.stop
    node.edit("data/snapshots/1/snapshot.json") do |text|
      JSON.parse(text).tap { |facts| facts["ruby"]["path"] = "/bin/false" }.then { |facts| JSON.generate(facts) }
    end
    node.start
    eventually("three deaths") { worker(node)["failures"] >= 3 }
    expect(finding(node)).to include("level" => "warning",
                                     "message" => /failed \d+ times in a row, last: it ended \(exit 1\)/)
  end
end
