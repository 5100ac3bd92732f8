# frozen_string_literal: true

require_relative "../../support/fleet/context"

RSpec.describe "an agent that is stopped while an action runs" do
  include_context "with a fleet"

  def gate = File.join(fleet.dir, "gate")

  # An action that says that it runs, and then waits for the gate.
  def blocking
    File.mkfifo(gate)
    <<~RUBY
      execute 'mark' do
        command "echo begun >> #{oracle}; cat #{gate} > /dev/null; echo ended >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  # The target, in the middle of an action.
  def busy(grace)
    hub = fleet.hub("hub0")
    target = fleet.join("node1", start: false).start("--grace", grace)
    target.converge!(blocking)
    hub.flockctl!("notify", "node1", "execute[mark]", "run")
    eventually("the action runs") { fired == ["begun"] }
    [hub, target]
  end

  it "leaves it alone after the grace, and takes in what came of it at the next start" do
    hub, target = busy("1")
    target.stop
    expect(target.status.exitstatus).to eq(0)
    expect(target.log).to match(/worker #{target.workers.first} goes on; its result is read at the next start/)

    File.write(gate, "go")
    eventually("the worker ends") { target.workers.empty? }
    expect(fired).to eq(%w[begun ended])
    expect(hub.notifications.map { |sent| sent["state"] }).to eq(["stored"]).or eq(["claimed"])

    target.start
    expect(hub.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
    expect(fired).to eq(%w[begun ended])
  end

  it "finds the action still running at the next start, and waits for it" do
    hub, target = busy("0")
    target.stop
    worker = target.workers.first
    target.start
    expect(target.workers).to eq([worker])

    File.write(gate, "go")
    expect(hub.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
    expect(fired).to eq(%w[begun ended])
  end

  it "waits for it within the grace" do
    hub, target = busy("10m")
    target.signal("TERM")
    eventually("the agent stops taking work") { target.log.include?("stopping") }
    File.write(gate, "go")
    target.ended
    expect(target.status.exitstatus).to eq(0)
    expect(fired).to eq(%w[begun ended])
    target.start
    expect(hub.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
  end

  it "ends it at the second signal; nobody knows then how far it came" do
    hub, target = busy("10m")
    target.signal("TERM")
    eventually("the agent stops taking work") { target.log.include?("stopping") }
    target.stop("INT")
    expect(target.status.exitstatus).to eq(0)
    eventually("the worker ends") { target.workers.empty? }

    target.start
    expect(hub.settled(count: 1).map { |sent| sent["state"] }).to eq(["unknown"])
    expect(fired).to eq(["begun"])
  end

  it "says what is wrong with a grace" do
    expect(fleet.add("node1").flockctl("agent", "--grace", "soon"))
      .to have_attributes(exit_code: 1, err: match(/\Aflockctl: --grace soon: .*15m.*\n\z/))
  end
end
