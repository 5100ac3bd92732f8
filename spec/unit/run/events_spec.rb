# frozen_string_literal: true

require "support/chef_log"
require "support/recipe_run"
require "support/fake_snapshot"

RSpec.describe FlockOfChefs::Run::Events do
  include ChefLog

  subject(:events) { described_class.new(snapshot: snapshot) }

  let(:handoff) { instance_double(FlockOfChefs::Run::AgentHandoff, poke: true) }
  let(:snapshot) { class_double(FakeSnapshot, save: 1) }
  let(:run) { RecipeRun.new {} }
  let(:run_status) do
    Chef::RunStatus.new(run.run_context.node, run.run_context.events).tap do |status|
      status.run_context = run.run_context
      status.run_id = "an-id"
    end
  end
  let(:expansion) { Struct.new(:recipes).new(["cb"]) }

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  before do
    Chef::Log.init(File::NULL)
    settings = FlockOfChefs::Run::Settings.new(data_dir: @dir, socket: "/s")
    allow(FlockOfChefs::Run::Settings).to receive(:current).and_return(settings)
    allow(FlockOfChefs::Run::AgentHandoff).to receive(:new).and_return(handoff)
    run
  end

  after do
    FlockOfChefs::Run::Handoff.current = nil
    Chef::Config[:why_run] = false
  end

  def run_json = JSON.parse(File.read(File.join(@dir, "run.json")))
  def start = events.run_start(Chef::VERSION, run_status)

  it "follows a run that succeeds" do
    start
    expect(run_json).to include("phase" => "running", "run_id" => "an-id", "number" => 1)
    events.run_list_expanded(expansion)
    events.converge_start(run.run_context)
    events.run_completed(run.run_context.node, run_status)
    expect(run_json).to include("phase" => "succeeded", "number" => 1)
    expect(snapshot).to have_received(:save).with(run_context: run.run_context, run_status: run_status,
                                                  expansion: expansion,
                                                  data_dir: @dir, number: 1, run_id: "an-id").once
    expect(handoff).to have_received(:poke).with(hash_including(number: 1, phase: "succeeded", generation: 1,
                                                                run_id: "an-id")).once
  end

  it "saves the snapshot before it says that the run succeeded" do
    allow(snapshot).to receive(:save) { @phase = run_json["phase"] }
    start
    events.run_completed(run.run_context.node, run_status)
    expect(@phase).to eq "running"
  end

  it "follows a run that fails, without a snapshot" do
    start
    events.run_failed(RuntimeError.new, run_status)
    expect(run_json).to include("phase" => "failed")
    expect(snapshot).not_to have_received(:save)
  end

  it "follows a run that cookbooks brought it to, when converging starts" do
    events.converge_start(run.run_context)
    expect(run_json).to include("phase" => "running", "run_id" => Chef::RequestID.instance.request_id)
  end

  it "says when a recipe has the machine restart, and when it changed its mind" do
    [[true, -> { run.run_context.request_reboot(delay_mins: 1, reason: "kernel") }],
     [nil, -> { run.run_context.cancel_reboot }]].each do |wanted, act|
      start
      act.call
      events.run_completed(run.run_context.node, run_status)
      expect(run_json.values_at("phase", "reboot")).to eq ["succeeded", wanted]
    end
  end

  it "follows a run from the moment that a recipe has written agent.toml" do
    settings = FlockOfChefs::Run::Settings.current
    allow(FlockOfChefs::Run::Settings).to receive(:current).and_raise(FlockOfChefs::ConfigurationError.new("none"))
    start
    expect(Dir.children(@dir)).to be_empty

    allow(FlockOfChefs::Run::Settings).to receive(:current).and_return(settings)
    run.run_context.events.register(events)
    2.times { described_class.configured(run.run_context) }
    expect(run_json).to include("phase" => "running", "number" => 1)
    events.run_completed(run.run_context.node, run_status)
    expect(run_json).to include("phase" => "succeeded", "number" => 1)
  end

  it "bears a failure without node, run context or start" do
    expect { events.run_failed(RuntimeError.new, nil) }.not_to raise_error
    expect { events.run_completed(nil, nil) }.not_to raise_error
    expect(Dir.children(@dir)).to be_empty
  end

  {
    "a why-run" => -> { Chef::Config[:why_run] = true },
    "Target Mode" => -> { allow(Chef::Config).to receive(:target_mode?).and_return(true) },
    "a worker" => -> { FlockOfChefs::Run::Handoff.redirect([]) },
    "anything but Chef::Client#run" => lambda {
      run.run_context.events.subscribers.reject! do |s|
        s.is_a?(Chef::ActionCollection)
      end
    },
    "ChefSpec" => -> { stub_const("ChefSpec", Module.new) }
  }.each do |surroundings, set_up|
    it "publishes nothing in #{surroundings} (trap 12)" do
      instance_exec(&set_up)
      start
      events.converge_start(run.run_context)
      events.run_completed(run.run_context.node, run_status)
      expect(Dir.children(@dir)).to be_empty
      expect(snapshot).not_to have_received(:save)
      expect(handoff).not_to have_received(:poke)
    end
  end

  it "says nothing of a configuration that a recipe writes in the run" do
    allow(FlockOfChefs::Run::Settings).to receive(:current).and_raise(FlockOfChefs::ConfigurationError, "no agent.toml")
    log = chef_log do
      start
      events.converge_start(run.run_context)
      settings = FlockOfChefs::Run::Settings.new(data_dir: @dir, socket: "/s")
      allow(FlockOfChefs::Run::Settings).to receive(:current).and_return(settings)
      events.configured(run.run_context)
      events.run_completed(run.run_context.node, run_status)
    end
    expect(log).not_to include("flock_of_chefs")
    expect(handoff).to have_received(:poke).at_least(:once)
  end

  it "asks for the configuration once, and says once that there was none" do
    allow(FlockOfChefs::Run::Settings).to receive(:current).and_raise(FlockOfChefs::ConfigurationError, "no agent.toml")
    log = chef_log do
      start
      events.converge_start(run.run_context)
      events.run_completed(run.run_context.node, run_status)
    end
    expect(log.scan("flock_of_chefs was off in this run").size).to eq 1
  end

  it "never raises, and says once what failed (trap 5)" do
    allow(FlockOfChefs::Run::Status).to receive(:new).and_wrap_original do |original, *arguments|
      original.call(*arguments).tap { |status| allow(status).to receive(:finish).and_raise(Errno::ENOSPC) }
    end
    allow(snapshot).to receive(:save).and_raise(NotImplementedError, "a fault")
    allow(handoff).to receive(:poke).and_raise(LoadError, "another")
    log = chef_log do
      2.times do
        start
        events.run_completed(run.run_context.node, run_status)
      end
    end
    expect(log.scan("cannot save the snapshot: a fault (NotImplementedError); the run goes on").size).to eq 1
    expect(log.scan("cannot publish the run's end").size).to eq 1
    expect(log.scan("cannot tell the agent").size).to eq 1
  end

  it "subscribes once, however often it is asked to" do
    subscribers = []
    2.times { described_class.attach(subscribers) }
    expect(subscribers.map(&:class)).to eq [described_class]
  end

  describe "what :reboot_now leaves (trap 2)" do
    let(:recorder) { RecipeRun::Recorder.new }

    def leave_early
      recorder = self.recorder
      run = RecipeRun.new do
        ruby_block "change" do
          block {}
          remote_notifies :run, "execute[x]", :delayed, node: "b"
          remote_notifies :run, "execute[y]", :delayed, node: "b"
        end
        ruby_block("reboot") { block { throw :end_client_run_early } }
      end
      start
      catch(:end_client_run_early) { run.converge }
      FlockOfChefs::Run::Handoff.current = recorder
      status = Chef::RunStatus.new(run.run_context.node, run.run_context.events)
      status.run_context = run.run_context
      status
    end

    it "is sent when the run has completed, once" do
      status = leave_early
      allow(handoff).to receive(:append) { |draft| recorder.append(draft) }
      2.times { events.run_completed(status.run_context.node, status) || start }
      expect(recorder.drafts.map do |draft|
        draft.values_at("key", "timing")
      end).to eq [%w{execute[x] delayed}, %w{execute[y] delayed}]
    end

    it "fails nothing if it cannot be sent, and still tries the rest" do
      status = leave_early
      calls = 0
      allow(recorder).to receive(:append) { (calls += 1) && raise(FlockOfChefs::InternalError, "full") }
      log = chef_log { events.run_completed(status.run_context.node, status) }
      expect(calls).to eq 2
      expect(log).to match(/cannot send run execute\[x\] on b: .*full/)
      expect(run_json).to include("phase" => "succeeded")
    end
  end
end
