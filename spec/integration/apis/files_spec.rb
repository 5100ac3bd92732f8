# frozen_string_literal: true

require "json"
require_relative "../../support/fleet/context"

# APIs in data_dir/apis, by a real agent.
RSpec.describe "APIs of files" do
  include_context "with a fleet"

  let(:node) { fleet.hub("bender0") }

  def write(name, text)
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    File.write(node.path("data/apis", name), text)
  end

  def human_api(method = "count") = <<~RUBY
    class HumanApi
      include FlockOfChefs::Api
      expose :#{method}
      def #{method} = 3
    end
  RUBY

  def host = JSON.parse(node.flockctl!("status", "--format", "json"))["hosts"].find { |found| found["kind"] == "files" }

  def serving(*apis, besides: 0)
    eventually("#{apis} are served") do
      host.then { |found| found if found["apis"] == apis && found["pid"] != besides }
    end
  end

  def gone(pid) = eventually("#{pid} is gone") { !File.exist?("/proc/#{pid}") }

  it "are served by a process of their own, which is replaced when they change and ended with them" do
    expect(host["state"]).to eq("off")
    write("human.rb", human_api)
    first = serving("human_api")
    expect(node.flockctl!("status")).to include("APIs (files): serving human_api (pid #{first["pid"]})")
    write("robot.rb", "class Robots; include Celluloid; def bend = true; end; Robots.supervise_as :robots")
    second = serving("human_api", "robots", besides: first["pid"])
    gone(first["pid"])
    FileUtils.rm_r(node.path("data/apis"))
    gone(second["pid"])
    expect(host["state"]).to eq("off")
  end

  it "are served again when their process is killed, and doctor tells" do
    write("human.rb", human_api)
    first = serving("human_api")["pid"]
    Process.kill("KILL", first)
    expect(serving("human_api", besides: first)).to include("failures" => 1, "message" => "it ended (signal 9)")
    expect(node.flockctl("doctor").out).to match(/warning.*apis \(files\).*died 1 times.*signal 9/)
  end

  it "leave one another be when one is broken" do
    write("human.rb", human_api)
    write("bad.rb", "class Broken\n")
    expect(serving("human_api")["problems"]).to contain_exactly(a_string_starting_with("bad.rb: "))
    expect(node.flockctl("doctor").out).to match(/error.*apis \(files\).*bad\.rb/)
  end

  it "are told of that expose nothing, and so serve nothing" do
    write("human.rb", human_api)
    write("silent.rb", "class Silent\n  include FlockOfChefs::Api\n  def count = 1\nend\n")
    told = "Silent (silent.rb) offers nothing: it exposes no method; name those that may be called"
    expect(serving("human_api")["problems"]).to contain_exactly(a_string_starting_with(told))
    expect(node.flockctl("doctor").out).to match(/error.*apis \(files\).*#{Regexp.escape(told)}/)
    expect(File.read(node.path("data/hosts.log"))).to include("flock_of_chefs host: #{told}")
  end

  it "end with their agent, also with one that is killed" do
    write("human.rb", human_api)
    pids = %w[TERM KILL].map do |signal|
      serving("human_api")["pid"].tap do |pid|
        node.stop(signal)
        gone(pid)
        node.start
      end
    end
    expect(pids).not_to include(serving("human_api")["pid"])
  end
end
