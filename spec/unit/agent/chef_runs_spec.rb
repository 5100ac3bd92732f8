# frozen_string_literal: true

require "json"
require "tmpdir"
require "flock_of_chefs"
require "flock_of_chefs/agent/chef_runs"

RSpec.describe FlockOfChefs::Agent::ChefRuns do
  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  let(:native) { Struct.new(:told) { def call(operation, json, _) = told << [operation, JSON.parse(json)] }.new([]) }
  let(:log) do
    Struct.new(:lines) do
      %i[info warn].each do |level|
        define_method(level) do |line|
          lines << line
        end
      end
    end.new([])
  end

  # What the agent hears of a run that was asked for.
  def told(command: ["false"], systemctl: ->(*) {}, **event)
    config = { "data_dir" => @dir, "chef" => { "run_command" => command } }
    runs = described_class.new(native, config, log:, systemctl:, pid_files: [], sleeper: ->(_) {})
    runs.start({ "request" => "r1", "run_list" => [], "why_run" => false, **event.transform_keys(&:to_s) }).join
    native.told.map { |operation, body| [operation, *body.values_at("request", "finished", "problem")] }
  end

  it "says of a unit that was only asked that nothing has ended yet" do
    loaded = ->(*words) { words.first == "show" ? "loaded\n" : "" }
    expect(told(systemctl: loaded)).to eq([["chef_ended", "r1", false, ""]])
  end

  describe "a unit" do
    # What systemctl is asked to do; the unit is in one state after another.
    def asked_of(*states)
      asked = []
      told(systemctl: lambda { |*words|
        next asked << words unless words.first == "show"
        next "loaded\n" if words.include?("LoadState")

        states.size > 1 ? states.shift : states.first
      })
      asked
    end

    start = %w[start --no-block chef-client.service]

    it "is started, and a daemon is woken" do
      expect(asked_of("inactive")).to eq([start])
      expect(asked_of("failed")).to eq([start])
      expect(asked_of("active")).to eq([%w[kill --kill-who=main -s USR1 chef-client.service]])
    end

    it "is started after the run that it has at work: to start it meanwhile would be to ask for that one" do
      expect(asked_of("activating", "activating", "deactivating", "inactive")).to eq([start])
      expect(log.lines).to include("chef-client.service runs Chef now; it is started again after that")
    end

    it "is given up when it never comes to an end" do
      asked_of("activating")
      expect(native.told.last.last).to include("finished" => true, "problem" => /has not come to an end for 6 h/)
    end
  end

  it "says of a command how it ended" do
    expect(told(command: ["true"])).to eq([["chef_ended", "r1", true, ""]])
    native.told.clear
    expect(told).to match([["chef_ended", "r1", true, /false ended with 1; see .*chef\.log/]])
    native.told.clear
    expect(told(command: ["/nonexistent"])).to match([["chef_ended", "r1", true, /could not be started/]])
  end

  it "takes the command for a run that differs from the node's own" do
    loaded = ->(*) { raise "no unit can do that" }
    command = ["sh", "-c", 'test "$*" = "-o a,b --why-run"', "sh"]
    expect(told(command:, systemctl: loaded, run_list: %w[a b], why_run: true))
      .to eq([["chef_ended", "r1", true, ""]])
  end
end
