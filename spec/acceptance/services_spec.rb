# frozen_string_literal: true

require "json"
require_relative "../support/acceptance"
require_relative "../support/fleet/context"

# Nodes that are found by what their APIs offer, and many nodes at once.
RSpec.describe "services", :acceptance do
  include_context "with a fleet"

  before do
    fleet.hub("hub")
    %w[bender fry].each { |name| fleet.join(name, tags: ["robot"]) }
  end

  def hub = fleet.nodes[0]
  def bender = fleet.nodes[1]
  def fry = fleet.nodes[2]

  def offer(node)
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    File.write(node.path("data/apis/human.rb"), <<~RUBY)
      class HumanApi
        include FlockOfChefs::Api
        expose :kill, :count
        def kill(name) = "\#{name} is gone"
        def count = 3
      end
    RUBY
  end

  def names(*selector) = hub.flockctl("nodes", *selector, "--format", "names").out.split

  def script(code)
    out, err, status = Open3.capture3(hub.environment, "bundle", "exec", "ruby", "-I", "lib", "-e",
                                      "require 'flock_of_chefs'; print(#{code})", chdir: Fleet::ROOT)
    status.success? ? out : raise("#{out}#{err}")
  end

  it "are announced while their host is there, and find nodes for flockctl, Ruby and recipes" do
    expect(hub.flockctl("nodes", "--service", "/human_api").exit_code).to eq(3)
    offer(bender)
    eventually("it is announced") { names("--service", "/human_api/kill") == ["bender"] }
    expect(names("--service", "/human_api,/human_api/count", "--tag", "robot")).to eq(["bender"])
    expect(names("--service", "/human_api/destroy")).to eq([])
    expect(hub.flockctl!("nodes", "bender")).to match(/APIS.*\n.*human_api/)
    expect(script("FlockOfChefs.nodes(services: '/human_api').map(&:name)")).to eq('["bender"]')

    [bender, fry].each { |node| node.converge!(appending("mark", node.name)) }
    hub.converge!("file('#{fleet.dir}/trigger') { content 'x'\n" \
                  "remote_notifies :run, 'execute[mark]', services: '/human_api', wait: 60 }\n")
    expect(fired).to eq(["bender"])

    FileUtils.rm_r(bender.path("data/apis"))
    eventually("it is gone") { names("--service", "/human_api") == [] }
  end

  it "have one command mean many nodes" do
    [bender, fry].each { |node| offer(node) }
    eventually("both are announced") { names("--service", "/human_api") == %w[bender fry] }
    expect(hub.flockctl!("call", "--service", "/human_api", "human_api", "kill", "leela"))
      .to eq("bender: \"leela is gone\"\nfry: \"leela is gone\"\n")
    waited = hub.flockctl("wait", "--tag", "robot", "--for", "human_api.count=3", "--timeout", "60")
    expect([waited.exit_code, waited.out.lines.size]).to eq([0, 3])

    bender.converge!("")
    half = %w[wait --tag robot --for succeeded --at-least 50% --timeout 60]
    expect(hub.flockctl(*half).exit_code).to eq(0)
    expect(hub.flockctl("wait", "--tag", "robot", "--for", "succeeded", "--timeout", "1").exit_code).to eq(5)
    %w[wait call run-chef].zip([%w[--for succeeded], %w[flock_api state], []]).each do |command, more|
      nobody = hub.flockctl(command, "--role", "nobody", *more)
      expect([nobody.exit_code, nobody.err]).to match([3, /no node matches roles: nobody/])
    end
    fry.stop
    called = hub.flockctl("call", "--tag", "robot", "human_api", "count", "--timeout", "5s")
    expect([called.exit_code, called.out]).to match([4, "bender: 3\n"])
    expect(called.err).to match(/^fry: /)
  end
end
