# frozen_string_literal: true

require_relative "../support/fleet/callers"

# What Flock, DCell and Celluloid did in 2012 that must not come back.
RSpec.describe "calls, where older systems hung, lost or crashed", :acceptance do
  include_context "with callers"

  before(:context) do
    @callee = @fleet.hub("callee")
    @caller, @other = join_all("caller" => {}, "other" => {})
    [@callee, @other].each { |node| offer(node) }
  end

  # What a call may take by default, twice and more: a bound that a slow machine keeps, and a call that hangs does not.
  bound_s = 60

  it "end by their default deadline, all kinds of them, when the other agent hangs, and keep up no others" do
    from = console(@caller)
    from.ask("#{probe(@other)}.echo(1)")
    @other.signal("STOP")
    kinds = { "sync" => "#{probe(@other)}.echo(1)", "async" => "#{probe(@other)}.async.echo(1)",
              "future" => "#{probe(@other)}.future.echo(1).value", "short form" => "FlockOfChefs['other'].pid",
              "its own API" => "FlockOfChefs['other'][:flock_api].active",
              "attributes" => "FlockOfChefs['other'][:flock_api].node('a')",
              "a run" => "FlockOfChefs['other'][:flock_api].run_chef",
              "a named deadline" => "#{probe(@other).sub("[:", ".with_timeout(2)[:")}.echo(1)" }
    calls = kinds.transform_values { |code| from.begin("raised { #{code} }") }
    state = from.begin("FlockOfChefs['other'][:flock_api].state.to_s")
    expect(from.ask("FlockOfChefs.nodes.map(&:name)")).to include("callee", "caller", "other")
    expect(from.ask("#{probe(@callee)}.echo(1)")).to eq(1)
    expect(calls.values.first).not_to be_over
    shell = @caller.flockctl("call", "other", "probe", "echo", "1", "--timeout", "2s")

    expect(calls.transform_values { |call| call.value(timeout: bound_s).first })
      .to eq(kinds.transform_values { "TimeoutError" })
    expect(state.value(timeout: bound_s)).to eq("unreachable")
    expect(shell.exit_code).to eq(5)
  ensure
    @other.signal("CONT")
    eventually("it answers again") { console(@caller).raised("#{probe(@other)}.echo(1)") == ["nothing", 1] }
  end

  it "find a node that was restarted at another port" do
    from = console(@caller)
    expect(from.ask("#{probe(@other)}.echo(1)")).to eq(1)
    @other.stop
    @other.edit("agent.toml") { |text| text.sub(/^listen = .*$/, "listen = \"127.0.0.1:#{Fleet.free_port}\"") }
    @other.start
    eventually("it is reached there") { from.raised("#{probe(@other)}.echo(1)") == ["nothing", 1] }
  end

  it "say at once that an API has too much to do, and do not wait in a box without a bottom" do
    from = console(@caller)
    narrow = probe(@callee).sub("probe", "narrow")
    held = mark
    calls = [from.begin("#{narrow}.hold('#{held}')")]
    begun(held)
    calls << from.begin("#{narrow}.echo(2)")
    eventually("one works and one waits") { host(@callee)["calls"] == 2 }
    expect(from.raised("#{narrow}.echo(3)")).to eq(%w[RejectedError queue_full])
    expect(from.raised("#{narrow}.async.echo(3)")).to eq(%w[RejectedError queue_full])
    FileUtils.touch("#{held}.go")
    expect(calls.map(&:value)).to eq([true, 2])
  end

  it "leave the called API as it is when its method raises, whatever the arguments were" do
    from = console(@caller)
    pid = from.ask("#{probe(@callee)}.pid")
    expect(from.raised("#{probe(@callee)}.fail_with('no')").first).to eq("RemoteError")
    expect(from.raised("#{probe(@callee)}.fail_with").first).to eq("RemoteError")
    expect(from.raised("#{probe(@callee)}.echo(#{probe(@callee)})")).to eq(%w[ProtocolError not_data])
    expect(from.raised("#{probe(@callee)}.call('instance_variable_set', '@a', 1)").last).to eq("no_method")
    expect(from.ask("#{probe(@callee)}.pid")).to eq(pid)
  end

  it "give a receipt for what nobody waits for, and do it" do
    from = console(@caller)
    written = mark
    expect(from.ask("#{probe(@callee)}.async.write('#{written}', 'done')")).to be(true)
    eventually("it is done") { File.exist?(written) }
    expect(@caller.flockctl!("call", "callee", "probe", "write", "#{written}-2", "done", "--async")).to eq("true\n")
  end

  it "read attributes of a node, and nothing else of it: no method can be sent, nothing can be set" do
    from = console(@caller)
    @callee.converge!("node.default['app']['port'] = 80\n")
    flock_api = "FlockOfChefs['callee'][:flock_api]"
    expect(from.ask("%w[to_s class app.to_h app.port.succ run_state].map { |path| #{flock_api}.node(path) }"))
      .to eq([nil] * 5)
    expect(from.ask("#{flock_api}.node['app']")).to eq("port" => 80)
    %w[active= node= raw_node node_hash app instance_eval].each do |method|
      expect(from.raised("#{flock_api}.call('#{method}', 1)").first).to eq("ResourceNotFoundError"), method
    end
  end

  it "find nodes by Chef's search, in a Chef run" do
    @callee.converge!("")
    names = "FlockOfChefs.search('name:callee').map(&:name).join(',')"
    @callee.converge!("file('#{fleet.dir}/found') { content #{names} }\n")
    expect(File.read("#{fleet.dir}/found")).to eq("callee")
    expect(console(@caller).raised("FlockOfChefs.search('*:*')").first).to eq("ConfigurationError")
  end

  it "know that Chef is not active after a converge that failed" do
    from = console(@caller)
    expect(@callee.converge("raise 'broken'\n")).not_to be_success
    expect(from.ask("FlockOfChefs['callee'][:flock_api].active")).to be(false)
    expect(from.ask("wait_until { !FlockOfChefs['callee'][:flock_api].active }")).to be(true)
  end

  it "wait for an answer that cannot be had without asking all the time" do
    from = console(@caller)
    wait = lambda do |question|
      "count = 0; wait_until(timeout: 4) { count += 1; #{question} }; count"
    end
    questions = { "no method" => "#{probe(@callee)}.no_such_method", "no API" => "FlockOfChefs['callee'][:no_api].x",
                  "no node" => "FlockOfChefs['nobody'][:x].x",
                  "no snapshot" => "FlockOfChefs['other'][:flock_api].node('a.b')",
                  "no such run" => "FlockOfChefs['other'][:flock_api].call(:run, 'x')" }
    counts = questions.transform_values { |question| from.begin(wait.call(question)) }.transform_values(&:value)
    expect(counts.values).to all(be < 20), counts.to_s
  end

  it "leave the agent alone when an API kills its process again and again: it is started less and less often" do
    node = @fleet.join("crashing")
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    File.write(node.path("data/apis/crash.rb"), <<~RUBY)
      File.write('#{node.path("starts")}', Process.clock_gettime(Process::CLOCK_MONOTONIC).to_s + "\\n", mode: 'a')
      Process.kill(:KILL, Process.pid)
    RUBY
    eventually("it has crashed three times") { host(node)["failures"] >= 3 }
    starts = File.readlines(node.path("starts")).map(&:to_f)
    expect(starts.each_cons(2).map { |one, next_one| next_one - one }.first(2)).to match([a_value >= 1, a_value >= 2])
    from = console(@caller)
    expect(from.ask("FlockOfChefs['crashing'][:flock_api].active")).to be(false)
    expect(from.raised("FlockOfChefs['crashing'][:crash].x").first).to eq("ConnectionError")
    expect(node.flockctl("doctor").out).to match(/apis \(files\).*died/)
  end
end
