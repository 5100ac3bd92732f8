# frozen_string_literal: true

require_relative "../support/acceptance"

RSpec.describe "a target that is not ready", :acceptance do
  include_context "with a flock"

  it "is served when it comes back, if it was off" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark"))
    target.stop
    hub.converge!(sending('node: "node1"'))
    expect(hub.notifications.map { |sent| sent["state"] }).to all(eq("queued").or(eq("offered")))

    target.start
    hub.settled(count: 1)
    expect(fired).to eq(["mark"])
  end

  it "runs it after its own converge, from the new snapshot" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark", "old"))
    run = hold(target, appending("mark", "new") + gate(target.path("gate")))
    hub.converge!(sending('node: "node1"'))
    stored_at_target(hub)
    expect(fired).to eq([])

    File.write(target.path("gate"), "go")
    expect(run.value).to be_success
    hub.settled(count: 1)
    expect(fired).to eq(["new"])
  end

  it "runs it although the run that ended meanwhile had done the same (trap 18)" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    run = hold(target, gate(target.path("gate")) + appending("mark").sub(":nothing", ":run"))
    hub.converge!(sending('node: "node1"'))
    stored_at_target(hub)

    File.write(target.path("gate"), "go")
    expect(run.value).to be_success
    expect(hub.settled(count: 1).first["state"]).to eq("done")
    expect(fired).to eq(%w[mark mark])
  end

  it "keeps it for a target that has never converged" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    hub.converge!(sending('node: "node1"'))
    stored_at_target(hub)

    target.converge!(appending("mark"))
    hub.settled(count: 1)
    expect(fired).to eq(["mark"])
  end

  it "keeps it for a resource that appears only in the target's next run" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("something else"))
    hub.converge!(sending('node: "node1"'))
    stored_at_target(hub)

    target.converge!(appending("mark"))
    expect(hub.settled(count: 1).first["state"]).to eq("done")
    expect(fired).to eq(["mark"])
  end

  it "ends as undeliverable when the next run does not declare the resource either" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    hub.converge!(sending('node: "node1"'))
    stored_at_target(hub)

    target.converge!(appending("something else"))
    expect(hub.settled(count: 1).first).to include("state" => "undeliverable", "code" => "resource_absent")
  end
end
