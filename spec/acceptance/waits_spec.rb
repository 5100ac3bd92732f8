# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/fleet/context"
require_relative "../support/recipes"

RSpec.describe "waits of one node for another", :acceptance do
  include_context "with a fleet"

  # A resource at which a run stays until somebody writes the file.
  def gate(name) = "ruby_block('gate') { block { sleep 0.05 until File.exist?('#{fleet.dir}/#{name}') } }\n"

  def open_gate(name) = File.write("#{fleet.dir}/#{name}", "")

  def state(node, of) = JSON.parse(node.flockctl!("call", of, "flock_api", "state"))["state"]

  # That something has not happened can only be seen by waiting until it could have.
  def still_running(run, node)
    eventually("the wait is told of") do
      node.path("background.log").then do |log|
        File.read(log).include?("Converging")
      end
    end
    sleep 2
    expect(run).to be_alive
  end

  describe "the README's recipes, verbatim, while the other node really converges" do
    it "wait_until goes on when bender0 converges" do
      bender0 = fleet.hub("bender0")
      bender1 = fleet.join("bender1")
      run = bender1.converge_in_background(Recipes.rooted("readme_wait_until", fleet.dir))
      still_running(run, bender1)
      expect(File).not_to exist("#{fleet.dir}/fubar")

      other = bender0.converge_in_background(gate("gate0"))
      expect(run.value).to be_success
      expect(File.read("#{fleet.dir}/fubar")).to eq("foobar")
      open_gate("gate0")
      expect(other.value).to be_success
    end

    it "wait_while goes on when bender0's run is over, although that was killed" do
      bender0 = fleet.hub("bender0")
      bender1 = fleet.join("bender1")
      other = bender0.converge_in_background(gate("never"))
      eventually("bender0 converges") { state(bender1, "bender0") == "converging" }
      run = bender1.converge_in_background(Recipes.rooted("readme_wait_while", fleet.dir))
      still_running(run, bender1)
      expect(File).not_to exist("#{fleet.dir}/fubar")

      Process.kill("KILL", -other.pid)
      expect(run.value).to be_success
      expect(File.read("#{fleet.dir}/fubar")).to eq("foobar")
    end
  end

  it "waits for a node that is in no flock yet, and hears of it when it has converged" do
    hub = fleet.hub("hub")
    run = hub.converge_in_background(
      "file('#{fleet.dir}/made') { wait_until { FlockOfChefs['late'][:flock_api].state == :succeeded } }\n"
    )
    still_running(run, hub)
    fleet.join("late").converge!("")
    expect(run.value).to be_success
    expect(File).to exist("#{fleet.dir}/made")
  end

  it "fails, skips or goes on when the time is up, and neither guards nor why-run wait" do
    hub = fleet.hub("hub")
    never = "wait_until(timeout: 1, message: 'for godot', on_timeout: :%s) { FlockOfChefs[:fry][:flock_api].active }"
    marks = %w[skip continue].map do |manner|
      "file('#{fleet.dir}/#{manner}') { #{format(never, manner)} }\n"
    end
    guarded = "file('#{fleet.dir}/guarded') { only_if { false }\n #{format(never, "fail")} }\n"
    run = hub.converge(marks.join + guarded + "file('#{fleet.dir}/fail') { #{format(never, "fail")} }\n")
    expect(run).not_to be_success
    expect(run.text).to include("file[#{fleet.dir}/fail] waited 1 s for godot (acceptance/recipes/default.rb:")
    expect(%w[skip continue guarded fail].select { |name| File.exist?("#{fleet.dir}/#{name}") }).to eq(["continue"])
    expect(hub.converge("file('#{fleet.dir}/fail') { #{format(never, "fail")} }\n", "--why-run")).to be_success
  end

  it "gives the retries of a resource no time of their own to wait (trap 15)" do
    hub = fleet.hub("hub")
    wait = "wait_until(timeout: 8) { File.write('#{fleet.dir}/looks', Time.now.to_f.to_s + \"\\n\", mode: 'a') && nil }"
    run = hub.converge("file('#{fleet.dir}/x') { retries 3\nretry_delay 0\n#{wait} }\n")
    expect(run.text).to include("waited 8 s")
    looks = File.readlines("#{fleet.dir}/looks").map(&:to_f)
    # Each try looks once at least; were the time given anew, the fourth would begin after three times eight seconds.
    expect(looks.last - looks.first).to be < 24
    expect(looks.size).to be >= 4
  end

  it "ends two waits that wait for one another, and names both recipe lines" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    waits = lambda do |of, gate|
      "#{gate(gate)}file('#{fleet.dir}/x') { wait_while { FlockOfChefs['#{of}'][:flock_api].active } }\n"
    end
    runs = [hub.converge_in_background(waits.call("node", "both")),
            node.converge_in_background(waits.call("hub", "both"))]
    eventually("both converge") { [state(hub, "node"), state(node, "hub")] == %w[converging converging] }
    open_gate("both")
    expect(runs.map { |run| run.value.success? }).to eq([false, false])
    [hub, node].each do |one|
      expect(File.read(one.path("background.log")))
        .to match(%r{wait for one another.*\w+ at acceptance/recipes/default\.rb:2.*\w+ at acceptance/recipes/default})
    end
  end

  it "takes no wait that is over for part of a circle" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    first = node.converge_in_background(
      "file('#{fleet.dir}/x') { wait_until { FlockOfChefs['hub'][:flock_api].active } }\n#{gate("over")}"
    )
    still_running(first, node)
    second = hub.converge_in_background(
      "file('#{fleet.dir}/y') { wait_while { FlockOfChefs['node'][:flock_api].active } }\n"
    )
    eventually("the first has waited") { File.exist?("#{fleet.dir}/x") }
    still_running(second, hub)
    open_gate("over")
    expect([first, second].map { |run| run.value.success? }).to eq([true, true])
  end

  it "is asked once in a worker, which gives Chef's lock back and comes again" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    node.converge!("file('#{oracle}') { action :nothing\ncontent 'mark'\n" \
                   "wait_until { FlockOfChefs['hub'][:flock_api].state == :succeeded } }\n")
    hub.flockctl!("notify", "node", "file[#{oracle}]", "create")
    eventually("it was tried") { node.notifications.any? { |record| record["code"] == "waits" } }
    expect(fired).to eq([])
    hub.converge!("")
    expect(hub.settled.map { |sent| sent["state"] }).to eq(["done"])
    expect(fired).to eq(["mark"])
  end
end
