# frozen_string_literal: true

require "json"
require_relative "../support/fleet/context"
require_relative "../support/recipes"

# The class of the slides, unchanged, on one node, and what another node makes of it.
RSpec.describe "APIs between nodes" do
  include_context "with a fleet"

  before do
    @bender = fleet.hub("bender")
    @fry = fleet.join("fry")
  end

  attr_reader :bender, :fry

  # BenderCookbook::HumanApi as in the slides; Humans is what they leave to the reader.
  let(:library) { <<~RUBY }
    module Humans
      def self.destroy! = !File.exist?('#{fleet.dir}/humans')
    end
    #{File.read(File.expand_path("recipes/slides_api.rb", __dir__))}
  RUBY

  def call(*arguments) = fry.flockctl("call", *arguments, "--format", "json")

  def answer(*arguments)
    eventually("#{arguments} is answered") { call(*arguments).then { |done| done if done.success? } }.out
  end

  it "answer about what is on their node, over Chef runs and after their process was killed" do
    bender.converge!("", files: { "libraries/human.rb" => library })
    expect(answer("bender", "human_api", "killed_all_humans?")).to include("true")
    FileUtils.touch("#{fleet.dir}/humans")
    expect(answer("bender", "human_api", "killed_all_humans?")).to include("false")
    pid = host["pid"]
    Process.kill("KILL", pid)
    expect(answer("bender", "human_api", "killed_all_humans?")).to include("false")
    expect(host["pid"]).not_to eq(pid)
    expect(call("bender", "human_api", "killed_all_humans?", "--async")).to be_success
    expect(call("bender", "human_api", "instance_eval").text).to include("exposes a method \"instance_eval\"")
  end

  it "let the slides' resource wait for what they answer, before there is such an API" do
    FileUtils.touch("#{fleet.dir}/humans")
    run = fry.converge_in_background(Recipes.rooted("slides_wait", fleet.dir))
    bender.converge!("", files: { "libraries/human.rb" => library })
    expect(answer("bender", "human_api", "killed_all_humans?")).to include("false")
    expect(File).not_to exist("#{fleet.dir}/human_flag")
    FileUtils.rm("#{fleet.dir}/humans")
    expect(run.value).to be_success
    expect(File.read("#{fleet.dir}/human_flag")).to eq("0")
  end

  def host = JSON.parse(bender.flockctl!("status", "--format", "json"))["hosts"].find { |found| found["pid"].positive? }
end
