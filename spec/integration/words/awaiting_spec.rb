# frozen_string_literal: true

require "support/chef_log"
require "support/fake_local_client"
require "support/recipe_run"

RSpec.describe "remote_notifies wait:" do
  include ChefLog
  include RecipeRunHelpers

  def record(state) = { "id" => "id-0", "state" => state, "peer" => "b", "key" => "execute[x]", "action" => "run" }

  let(:records) { [record("done")] }
  let(:client) { FakeLocalClient.new("await" => { "records" => records }) }

  before { FlockOfChefs::Remote::Calls.current = FlockOfChefs::Remote::Calls.new(client) }
  after { FlockOfChefs::Remote::Calls.current = nil }

  # One file for each list of options, and what becomes of a recipe that notifies by them.
  def notify(*declared, **run, &more)
    targets = declared.each_index.map { |n| path("file#{n}") }
    converge(**run) do
      declared.each_with_index do |(timing, options), n|
        file targets[n] do
          content "x"
          instance_exec(&more) if more
          remote_notifies :run, "execute[x]", timing, node: "b", **options
        end
      end
    end
  end

  def asked = client.calls.map { |_, body| body }

  %i[before immediately delayed].each do |timing|
    it "waits when Chef fires it (#{timing}), and is known as a wait of this run" do
      line = nil
      target = path
      run = converge do
        file target do
          content "x"
          line = __LINE__ + 1
          remote_notifies :run, "execute[x]", timing, node: "b", wait: 5
        end
      end
      expect(run.error).to be_nil
      waiter = { id: "id-0", run_id: Chef::RequestID.instance.request_id, at: "awaiting_spec.rb:#{line}",
                 blocks_run: true }
      expect(asked).to eq([{ id: "id-0", timeout_ms: 5000, waiter: }])
    end
  end

  it "does not wait unless told to, nor in a why-run" do
    notify([:immediately, {}])
    notify([:immediately, { wait: 30 }], why_run: true)
    expect(asked).to eq([])
  end

  it "waits once for a delayed notification that several ask for, as long as the most patient one" do
    run = notify([:delayed, { wait: 7 }], [:delayed, {}], [:delayed, { wait: 9 }])
    expect([run.drafts.size, asked.map { |body| body[:timeout_ms] }]).to eq([1, [9000]])
  end

  it "lets only those wait that say so, where they are sent one by one" do
    run = notify([:immediately, { wait: 7 }], [:immediately, {}])
    expect([run.drafts.size, asked.size]).to eq([2, 1])
  end

  describe "when it fails there" do
    let(:records) { [record("failed").merge("message" => "exit 1")] }

    it "fails the run, with what, where, why and the recipe's promise" do
      error = notify([:immediately, { wait: 5 }]).error
      expect(error).to be_a(FlockOfChefs::RemoteError)
      expect(error.message).to include("run execute[x] on b (promised by file[#{path("file0")}])", "ended as failed",
                                       "exit 1", "flockctl notifications retry id-0")
    end

    it "honours ignore_failure of the notifying resource" do
      log = chef_log { @run = notify([:immediately, { wait: 5 }]) { ignore_failure true } }
      expect(@run.error).to be_nil
      expect(log).to include("ended as failed", "ignore_failure is set, continuing")
    end
  end

  it "does not wait in a worker, which holds Chef's run lock, and says so" do
    FlockOfChefs::Run::Handoff.redirect([])
    request = FlockOfChefs::Recipe::Request.parse(:run, "execute[x]", { node: "b" })
    patience = FlockOfChefs::Recipe::Patience.new(5, "x:1")
    log = chef_log do
      FlockOfChefs::Recipe::Handover.new(request, "immediately", [], patience:).tap(&:deliver).await
    end
    expect(log).to include("is not waited for: a worker")
    expect(asked).to eq([])
  ensure
    FlockOfChefs::Run::Handoff.current = nil
  end

  it "is no option of remote_subscribes" do
    target = path
    run = converge do
      file(target) { remote_subscribes :create, "execute[x]", node: "b", wait: 5 }
    end
    expect(run.error.message).to include("wait: cannot be")
  end
end
