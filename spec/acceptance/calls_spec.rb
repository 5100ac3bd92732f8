# frozen_string_literal: true

require_relative "../support/acceptance"
require_relative "../support/fleet/context"
require_relative "../support/recipes"

RSpec.describe "calls between two real nodes", :acceptance do
  include_context "with a fleet"

  # A node whose chef-client can be asked for.
  def callable(name, hub: false)
    run = %w[bundle exec chef-client -z --no-color -r recipe[acceptance] -c]
    lines = ->(node_dir) { "run_command = #{JSON.generate(run + [File.join(node_dir, "client.rb")])}" }
    options = { agent_toml: lines.call(File.join(fleet.dir, name)) }
    hub ? fleet.hub(name, **options) : fleet.join(name, **options)
  end

  # Runs Ruby in a process that is no Chef run.
  def script(node, code)
    text = "require 'flock_of_chefs'; require 'json'; puts JSON.generate([begin; #{code}; end])"
    out, err, status = Open3.capture3(node.environment, "bundle", "exec", "ruby", "-I", "lib", "-e", text, chdir: Fleet::ROOT)
    raise "#{out}#{err}" unless status.success?

    JSON.parse(out.lines.last).first
  end

  def answer(node, *arguments) = JSON.parse(node.flockctl!("call", *arguments))

  it "runs Chef on another node, as the README shows it, from a recipe and from a script" do
    bender0 = callable("bender0", hub: true)
    bender1 = fleet.join("bender1")
    bender0.write_cookbook("file('#{fleet.dir}/ran') { content node.name }\n")
    bender1.converge!("#{Recipes.read("readme_run_chef")}\n")
    eventually("bender0 has run Chef") { File.exist?("#{fleet.dir}/ran") }
    eventually("that run is over") { answer(bender1, "bender0", "flock_api", "state")["state"] == "succeeded" }

    ended = script(bender1, "run = FlockOfChefs['bender0'][:flock_api].run_chef.wait(120); run.report")
    expect(ended).to include("state" => "succeeded", "number" => 2)
    expect(answer(bender1, "bender0", "flock_api", "active")).to be(false)
  end

  it "knows how a node's Chef is: before the first run, during one, after a failed and after a killed one" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    state = -> { answer(hub, "node", "flock_api", "state") }
    expect(state.call).to include("state" => "idle", "number" => 0)
    run = node.converge_in_background("execute('sleep 60')\n")
    eventually("it converges") { state.call["state"] == "converging" }
    expect(answer(hub, "node", "flock_api", "active")).to be(true)
    Process.kill("KILL", -run.pid)
    eventually("the killed run has failed") { state.call["state"] == "failed" }

    node.converge("ruby_block('breaks') { block { raise 'a secret' } }\n")
    expect(state.call).to include("state" => "failed", "number" => 2,
                                  "error" => "RuntimeError in ruby_block[breaks] (acceptance::default line 1)")
    node.converge!("")
    expect(state.call).to include("state" => "succeeded", "error" => nil, "generation" => 3)
    node.stop
    expect(script(hub, "FlockOfChefs['node'][:flock_api].state.to_s")).to eq("unreachable")
  end

  it "reads attributes of another node, and hides what looks secret" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    attributes = "node.default['app'] = { 'port' => 80, 'db_password' => 'x' }\nnode.normal['app']['port'] = 81\n" \
                 "node.override['app']['name'] = 'a'\n"
    node.converge!(attributes)
    expect(answer(hub, "node", "flock_api", "node", "app"))
      .to eq("port" => 81, "db_password" => "[hidden]", "name" => "a")
    expect(script(hub, "FlockOfChefs[:node][:flock_api].node('app.port')")).to eq(81)
    expect(answer(hub, "node", "flock_api", "node")["app"]["name"]).to eq("a")
    expect(script(hub, "FlockOfChefs[:node][:flock_api].node('no.such')")).to be_nil
  end

  it "answers guards and blocks of resources, in a Chef run and in a worker, which runs them long after" do
    hub = fleet.hub("hub")
    node = fleet.join("node")
    hub.converge!("")
    node.converge!(<<~RUBY)
      node.default['app']['port'] = 80
      state = FlockOfChefs['hub'][:flock_api].state.to_s
      ruby_block 'asks' do
        action :nothing
        only_if { FlockOfChefs['hub'][:flock_api].state == :succeeded }
        block do
          port = begin
            FlockOfChefs.me[:flock_api].node('app.port')
          rescue FlockOfChefs::ResourceNotFoundError => e
            e.code
          end
          File.write('#{oracle}', [state, port, FlockOfChefs[:fry].presence].join(' '))
        end
      end
      ruby_block('now') { block {}; notifies :run, 'ruby_block[asks]', :immediately }
    RUBY
    expect(fired).to eq(["succeeded no_snapshot unknown"])
    File.unlink(oracle)
    hub.flockctl!("notify", "node", "ruby_block[asks]", "run", "--wait", "60")
    expect(hub.settled).to match [include("state" => "done")]
    expect(fired).to eq(["succeeded 80 unknown"])
  end

  it "fails with a typed error within its deadline, and a code for scripts" do
    hub = fleet.hub("hub")
    node = fleet.join("node", agent_toml: "[[allow]]\nfrom = \"nobody\"\ncall = [\"*\"]\n")
    raised = ->(call) { script(hub, "begin; #{call}; rescue FlockOfChefs::Error => e; [e.class.name, e.code]; end") }
    expect(raised.call("FlockOfChefs['fry'][:flock_api].active")).to eq(%w[FlockOfChefs::NodeNotFoundError
                                                                           node_not_found])
    expect(raised.call("FlockOfChefs['node'][:flock_api].active")).to eq(%w[FlockOfChefs::DeniedError policy])
    expect(raised.call("FlockOfChefs['hub'][:human_api].kill")).to eq(%w[FlockOfChefs::ResourceNotFoundError no_api])
    expect(raised.call("FlockOfChefs['hub'].kill_humans!")).to eq(%w[FlockOfChefs::ResourceNotFoundError no_method])
    expect(raised.call("FlockOfChefs['hub'][:flock_api].call(:node, Object.new)"))
      .to eq(%w[FlockOfChefs::ProtocolError not_data])
    expect(hub.flockctl("call", "node", "flock_api", "active").exit_code).to eq(7)
    expect(hub.flockctl("call", "fry", "flock_api", "active").exit_code).to eq(3)
    node.stop
    expect(raised.call("FlockOfChefs['node'].with_timeout(3)[:flock_api].active").first)
      .to eq("FlockOfChefs::ConnectionError")
  end
end
