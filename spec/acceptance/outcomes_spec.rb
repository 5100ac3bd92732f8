# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/fleet/context"

RSpec.describe "remote_notifies wait: between two real nodes", :acceptance do
  include_context "with a fleet"

  let(:hub) { fleet.hub("hub") }
  let(:node) { fleet.join("node") }

  # A resource at which a run stays until somebody writes the file.
  def gate(name) = "ruby_block('gate') { block { sleep 0.05 until File.exist?('#{fleet.dir}/#{name}') } }\n"
  def open_gate(name) = File.write("#{fleet.dir}/#{name}", "")
  def state(of) = JSON.parse(hub.flockctl!("call", of, "flock_api", "state"))["state"]

  # A run of the node that stays until the gate opens; it declares what is fired later.
  def hold_at(name)
    node.converge_in_background(appending("mark") + gate(name)).tap do
      eventually("node converges") { state("node") == "converging" }
    end
  end

  # Notifies of +key+ with a wait, and then tells whether that had been done by then.
  def waiting(seconds, to: "node", key: "execute[mark]", more: "")
    <<~RUBY
      file '#{fleet.dir}/trigger' do
        content '#{rand}'
        #{more}
        remote_notifies :run, '#{key}', node: '#{to}', wait: #{seconds}
      end
      file('#{fleet.dir}/after') { content lazy { File.exist?('#{oracle}').to_s } }
    RUBY
  end

  def after = File.exist?("#{fleet.dir}/after") ? File.read("#{fleet.dir}/after") : nil

  it "goes on when it has been done there, also if there the agent or here the own one is away at first" do
    hub
    node.converge!(appending("mark"))
    hub.converge!(waiting(60))
    expect(after).to eq("true")

    File.unlink(oracle)
    [node, hub].each(&:stop)
    run = hub.converge_in_background(waiting("true"))
    eventually("it is kept in the spool") { Dir[hub.path("data/spool/new/*.json")].any? }
    hub.start
    sleep 1
    expect(run).to be_alive
    node.start
    expect(run.value).to be_success, File.read(hub.path("background.log"))
    expect([after, fired]).to eq(["true", ["mark"]])
  end

  it "fails the run when it fails there, unless the resource ignores failures, and says what to do" do
    hub
    node.converge!("execute('mark') { command 'false'; action :nothing }\n")
    run = hub.converge(waiting(60))
    expect([run.success?, after]).to eq([false, nil])
    expect(run.text).to match(/run execute\[mark\] on node ended as failed \(action_failed: .*notifications retry/m)
    expect(hub.converge(waiting(60, more: "ignore_failure true"))).to be_success
    expect(after).to eq("false")
  end

  it "waits for a run there that converges, fails when the time is up, and the notification goes on" do
    hub
    node.converge!(appending("mark"))
    other = hold_at("gate")
    run = hub.converge(waiting(3))
    expect(run.text).to match(/not finished within 3 s \(node: stored.*it goes on, see `flockctl notifications show/m)
    expect(run).not_to be_success

    run = hub.converge_in_background(waiting(60))
    open_gate("gate")
    expect([other.value.success?, run.value.success?]).to eq([true, true])
    expect(after).to eq("true")
  end

  it "ends with the wait of the other run that waits for this one, and names both recipe lines" do
    hub
    node.converge!(appending("mark"))
    other = node.converge_in_background(
      "#{appending("mark")}#{gate("both")}file('#{fleet.dir}/x') { " \
      "wait_while { FlockOfChefs['hub'][:flock_api].active } }\n"
    )
    run = hub.converge_in_background(gate("both") + waiting(600))
    eventually("both converge") { [state("node"), state("hub")] == %w[converging converging] }
    open_gate("both")
    expect([run, other].map { |one| one.value.success? }).to eq([false, false])
    [hub, node].each do |one|
      log = File.read(one.path("background.log"))
      expect(log).to include("wait for one another")
      expect(log).to include("hub at acceptance/recipes/default.rb:5", "node at acceptance/recipes/default.rb:6")
    end
    expect(hub.settled.map { |sent| sent["state"] }).to eq(["done"])
  end

  it "takes a wait that is over for no half of a circle" do
    hub
    node.converge!(appending("mark"))
    other = node.converge_in_background(
      "#{appending("mark")}file('#{fleet.dir}/x') { wait_until { FlockOfChefs['hub'][:flock_api].active } }\n"
    )
    eventually("node converges") { state("node") == "converging" }
    run = hub.converge(waiting(60))
    expect(run).to be_success, run.text
    expect(other.value).to be_success
    expect(after).to eq("true")
  end

  it "ends two that wait for an action on one another" do
    hub
    [hub, node].each { |one| one.converge!(appending("mark")) }
    runs = [[hub, "node"], [node, "hub"]].map do |one, to|
      one.converge_in_background(appending("mark") + gate("both") + waiting(600, to:).sub("/trigger", "/for_#{to}"))
    end
    eventually("both converge") { [state("node"), state("hub")] == %w[converging converging] }
    open_gate("both")
    expect(runs.map { |run| run.value.success? }).to eq([false, false])
    [hub, node].each do |one|
      expect(File.read(one.path("background.log"))).to match(/wait for one another.*(?=.*hub at acc)(?=.*node at acc)/)
    end
  end

  it "says at once that an action on the own node would never come" do
    hub.converge!(appending("mark"))
    run = hub.converge(appending("mark") + waiting(600, to: "hub"))
    expect(run).not_to be_success
    expect(run.text).to include("waits for an action on its own node hub", "acceptance/recipes/default.rb:8")
    expect(hub.settled.map { |sent| sent["state"] }).to include("done")
  end
end
