# frozen_string_literal: true

require "support/chef_process"

RSpec.describe "remote_notifies and the state of the agent" do
  include_context "with chef"

  let(:three_changes) { <<~RUBY }
    3.times do |number|
      ruby_block "change \#{number}" do
        block {}
        ignore_failure true if ENV["WORDS_IGNORE"]
        remote_notifies :run, "execute[\#{number}]", node: "b"
      end
    end
  RUBY

  after { %w[drafts appends calls snapshots].each { |name| FileUtils.rm_f(chef.path(name)) } }

  def run(mode, recipe = three_changes)
    chef.recipe(recipe)
    chef.client("-o", "recipe[cb]", mode: mode)
  end

  it "spools if no agent answers, and says so once" do
    result = run("down")
    expect(result.status).to eq(0), result.output
    expect(chef.sent.size).to eq 3
    expect(chef.lines("appends").map { |call| call["timeout_ms"] }).to eq [150, 0, 0]
    expect(result.output.scan("the notifications of this run wait in").size).to eq 1
  end

  it "waits for a hung agent 150 ms in all, from the run's start on, and does not poke it at the end" do
    result = run("hung")
    expect(result.status).to eq(0), result.output
    first, *others = chef.lines("appends").map { |call| call["timeout_ms"] }
    expect([first, others]).to match([be < 150, [0, 0]])
    expect(chef.calls.map { |call| call["payload"]["phase"] }).to eq ["running"]
    expect(chef.run_json).to include("phase" => "succeeded")
  end

  it "fails the run if the spool cannot take it either" do
    result = run("full")
    expect(result.status).not_to eq 0
    expect(result.output)
      .to match(/promised by ruby_block\[change 0\]\): it can be kept nowhere.*No space left on device/)
    expect(chef.run_json).to include("phase" => "failed")
  end

  it "goes on if the notifying resources ignore failures" do
    result = run("full", "ENV['WORDS_IGNORE'] = '1'\n#{three_changes}")
    expect(result.status).to eq(0), result.output
    expect(result.output.scan("ignore_failure is set, continuing").size).to be >= 3
  end

  describe "without agent.toml" do
    it "leaves a run that promises nothing alone, but for one line" do
      FileUtils.rm_rf(chef.path("data"))
      result = run("unconfigured", %(log "hello"\n))
      expect(result.status).to eq(0), result.output
      line = "flock_of_chefs was off in this run, and every remote_notifies that fires fails: this node is not set " \
             "up: /etc/flock/agent.toml does not exist. Run `flockctl init`"
      expect(result.output.scan(line).size).to eq 1
      expect(File).not_to exist(chef.path("data"))
    end

    it "fails the resource that promises something, honouring ignore_failure" do
      result = run("unconfigured")
      expect(result.status).not_to eq 0
      expect(result.output).to include "run execute[0] on b (promised by ruby_block[change 0]): this node is not set up"
      expect(run("unconfigured", "ENV['WORDS_IGNORE'] = '1'\n#{three_changes}").status).to eq 0
    end
  end

  describe "our own faults" do
    it "never fail the run: a snapshot that cannot be saved (trap 5)" do
      result = run("agent", "ENV['FLOCK_FAKE_SNAPSHOT'] = 'broken'\n#{three_changes}")
      expect(result.status).to eq(0), result.output
      expect(result.output.scan("cannot save the snapshot: the disk is full").size).to eq 1
      expect(chef.run_json).to include("phase" => "succeeded")
      expect(chef.calls.last["payload"]).not_to have_key("generation")
    end

    it "never fail the run: a data directory that cannot be written" do
      FileUtils.rm_rf(chef.path("data"))
      File.write(chef.path("data"), "in the way")
      result = run("agent")
      expect(result.status).to eq(0), result.output
      expect(result.output.scan("cannot publish the run's start").size).to eq 1
      expect(chef.sent.size).to eq 3
    ensure
      FileUtils.rm_rf(chef.path("data"))
    end
  end
end
