# frozen_string_literal: true

require "json"
require_relative "../support/fleet/context"

RSpec.describe "a node whose recipe has it restart", :acceptance do
  include_context "with a fleet"

  # Chef's own reboot resource; what would restart this machine is taken out first.
  let(:recipe) { <<~RUBY }
    %i[reboot_if_needed! reboot!].each { |step| Chef::Platform::Rebooter.define_singleton_method(step) { |_node| } }
    reboot('kernel') { action :request_reboot; delay_mins 1000 }
  RUBY

  it "is rebooting until the machine has, or Chef runs again" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    state = -> { JSON.parse(hub.flockctl!("call", "node", "flock_api", "state"))["state"] }
    node.converge!(recipe)
    expect(state.call).to eq("rebooting")
    expect(hub.flockctl("wait", "node", "--for", "succeeded", "--timeout", "1").exit_code).to eq(5)

    # As after a restart: the same run, another boot.
    waiting = Thread.new { hub.flockctl("wait", "node", "--for", "succeeded", "--timeout", "60").exit_code }
    node.stop
    node.edit("data/run.json") { |text| text.sub(/"boot_id":"[^"]+"/, '"boot_id":"0-another"') }
    node.start
    expect([waiting.value, state.call]).to eq([0, "succeeded"])
    node.converge!(recipe)
    expect(state.call).to eq("rebooting")
    node.converge!("")
    expect(state.call).to eq("succeeded")
  end
end
