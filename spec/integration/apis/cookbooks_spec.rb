# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

# APIs in cookbooks' libraries, by a real agent and real chef-client runs.
RSpec.describe "APIs of cookbooks" do
  include_context "with a fleet"

  let(:node) { fleet.hub("bender0") }
  # Its object leaves a mark with the name of its process.
  let(:library) { <<~RUBY }
    module BenderCookbook
      class HumanApi
        include Celluloid

        def initialize = File.write('#{made}', "\#{$PROGRAM_NAME}\\n", mode: 'a')

        def killed_all_humans? = true
      end
    end
    BenderCookbook::HumanApi.supervise_as :human_api
  RUBY
  let(:made) { node.path("made") }

  def status = JSON.parse(node.flockctl!("status", "--format", "json"))
  def host = status["hosts"].find { |found| found["kind"] == "cookbook" }

  def serving(besides: 0)
    eventually("the API is served") do
      host.then { |found| found if found["state"] == "serving" && found["pid"] != besides }
    end
  end

  def converge(recipe = "", library = self.library) = node.converge!(recipe, files: { "libraries/human.rb" => library })

  def record
    number = File.read(node.path("data/snapshots/current"))
    JSON.parse(File.read(node.path("data/snapshots", number, "apis.json")))
  end

  def gone(pid) = eventually("#{pid} is gone") { !File.exist?("/proc/#{pid}") }

  it "live in a process beside the run, over runs that leave their code alone" do
    converge
    expect(record["apis"]).to eq([{ "name" => "human_api", "class" => "BenderCookbook::HumanApi",
                                    "file" => "acceptance/libraries/human.rb" }])
    first = serving
    expect(first).to include("apis" => ["human_api"], "failures" => 0)
    converge("log 'another recipe'")
    converge("log 'and another'")
    eventually("the agent knows the run") { status["generation"] == 3 }
    expect(serving["pid"]).to eq(first["pid"])
    converge("", "#{library}# changed\n")
    second = serving(besides: first["pid"])
    gone(first["pid"])
    expect(second["apis"]).to eq(["human_api"])
  end

  it "are made in their host only, neither in the run nor in a worker that compiles the same libraries" do
    converge(appending)
    serving
    node.flockctl!("notify", "bender0", "execute[mark]", "run", "--wait", "60")
    expect(fired).to eq(["mark"])
    expect(File.readlines(made, chomp: true)).to contain_exactly(a_string_ending_with("host/main.rb"))
  end

  it "end when the cookbooks have none any more" do
    converge
    pid = serving["pid"]
    node.converge!("")
    gone(pid)
    expect(host["state"]).to eq("off")
  end
end
