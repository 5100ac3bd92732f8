# frozen_string_literal: true

require "json"
require "open3"
require_relative "../support/fleet/context"

# What methods yield, and what becomes of nodes and APIs, as others hear it.
RSpec.describe "streams and monitors between nodes", :acceptance do
  include_context "with a fleet"

  let!(:hub) { fleet.hub("hub") }

  # Yields as far as one lets it, and leaves what happened to it.
  let(:counter) { <<~RUBY }
    class Counter
      include FlockOfChefs::Api
      expose :count, :pairs, :fail_at, :objects, :boom, :made
      concurrency 4
      def initialize = @made = rand
      attr_reader :made
      def count(limit, width = 0)
        limit.times do |n|
          yield n, "x" * width
          File.write("#{fleet.dir}/yielded", n.to_s)
        end
        "counted"
      ensure
        File.write("#{fleet.dir}/over", "yes")
      end
      def pairs = [[1, 2], [3, 4]].each { |pair| yield pair }.size
      def fail_at(limit) = 10.times { |n| n == limit ? raise(KeyError, "at \#{n}") : yield(n) }
      def objects = yield($stdout)
      def boom = raise("boom")
    end
  RUBY

  # A node that offers it.
  def offering(name, **options)
    fleet.join(name, start: false, **options).tap do |node|
      FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
      File.write(node.path("data/apis/counter.rb"), counter)
      node.start
      served(node)
    end
  end

  def hosts(node) = JSON.parse(node.flockctl!("status", "--format", "json"))["hosts"]
  def served(node) = eventually("it is served") { hosts(node).find { |host| host["state"] == "serving" } }
  def yielded = File.read("#{fleet.dir}/yielded").to_i
  def over? = File.exist?("#{fleet.dir}/over")

  # Ruby in a process that is no Chef run; prints what the code answers.
  def script(node, code)
    out, err, status = Open3.capture3(node.environment, *ruby(code), chdir: Fleet::ROOT)
    raise "#{out}#{err}" unless status.success?

    JSON.parse(out.lines.last).first
  end

  def ruby(code)
    text = "require 'flock_of_chefs'; require 'json'; $stdout.sync = true; puts JSON.generate([begin; #{code}; end])"
    ["bundle", "exec", "ruby", "-I", "lib", "-e", text]
  end

  # The same in the background: what it prints comes line by line.
  def background(node, code)
    log = "#{fleet.dir}/background-#{rand(1 << 30)}.log"
    pid = Process.spawn(node.environment, *ruby(code), out: log, err: %i[child out], chdir: Fleet::ROOT, pgroup: true)
    @background = (@background || []) << pid
    Process.detach(pid)
    [pid, -> { File.readlines(log, chomp: true) }]
  end

  after { Array(@background).each { |pid| Process.kill("KILL", -pid) rescue Errno::ESRCH } } # rubocop:disable Style/RescueModifier

  def remote(node = @callee || "bender") = "FlockOfChefs['#{node}'][:counter].with_timeout(60)"

  it "gives a block every yield in order, with arrays as arrays, and then the result" do
    offering("bender")
    got = script(hub, "all = []; last = #{remote}.count(5_000) { |n, _| all << n }; [all == (0...5_000).to_a, last]")
    expect(got).to eq([true, "counted"])
    expect(script(hub, "all = []; [#{remote}.pairs { |*one| all << one }, all]")).to eq([2, [[[1, 2]], [[3, 4]]]])
  end

  it "brings what was yielded before an exception, and refuses what is no data" do
    offering("bender")
    code = "all = []; begin; %s; rescue FlockOfChefs::Error => e; [all, e.class.name, e.code, e.message]; end"
    raised = script(hub, format(code, "#{remote}.fail_at(3) { |n| all << n }"))
    expect(raised).to match([[0, 1, 2], "FlockOfChefs::RemoteError", anything, a_string_including("KeyError", "at 3")])
    refused = script(hub, format(code, "#{remote}.objects { |o| all << o }"))
    expect(refused).to match([[], "FlockOfChefs::ProtocolError", "not_data",
                              a_string_including("value 1 that counter.objects yields")])
  end

  it "holds the method while the block is at work, and ends it when the block is left" do
    offering("bender")
    held = script(hub, <<~RUBY)
      #{remote}.count(1_000, 10_000) do |n, _|
        sleep 0.1 until (File.read("#{fleet.dir}/yielded").to_i rescue 0) > 20
        sleep 1
        break File.read("#{fleet.dir}/yielded").to_i
      end
    RUBY
    expect(held).to be_between(21, 100) # the window is 26 of them, and what is on the way is as much again
    eventually("the method is over") { over? }
    expect(yielded).to be < 200
  end

  it "comes through a hub from a node that cannot be dialled, to one that cannot" do
    offering("bender", listen: false)
    fry = fleet.join("fry", listen: false)
    expect(script(fry, "all = 0; #{remote}.count(2_000, 1_000) { |n, _| all += n }; all")).to eq(1_999_000)
  end

  it "ends with a typed error when the host is killed, and the method ends when its caller is" do
    bender = offering("bender")
    _, said = background(hub, "begin; #{remote}.count(1_000_000, 10) { |n, _| puts n if n == 5; sleep 0.0001 }; " \
                              "rescue FlockOfChefs::Error => e; [e.class.name, e.code]; end")
    eventually("it flows") { said.call.include?("5") }
    Process.kill("KILL", served(bender)["pid"])
    eventually("the caller has heard of it") { said.call.last&.start_with?("[") }
    expect(JSON.parse(said.call.last)).to eq([["FlockOfChefs::OutcomeUnknownError", "api_down"]])

    served(bender)
    pid, said = background(hub, "#{remote}.count(1_000_000, 10) { |n, _| puts n if n == 5 }")
    eventually("it flows again") { said.call.include?("5") }
    expect(over?).to be(false)
    Process.kill("KILL", -pid)
    eventually("the method is over") { over? }
  end

  # What a caller hears whose stream is cut off by the block.
  def cut_off(node)
    _, said = background(node, "begin; #{remote}.count(1_000_000, 10) { |n, _| puts n if n == 5; sleep 0.0001 }; " \
                               "rescue FlockOfChefs::Error => e; e.class.name; end")
    eventually("it flows") { said.call.include?("5") }
    yield
    eventually("the caller has heard of it") { said.call.last&.start_with?("[") }
    JSON.parse(said.call.last).first
  end

  it "ends with a typed error when the agent of the callee or of the caller is killed, or the hub between them" do
    bender = offering("bender")
    lost = %w[FlockOfChefs::OutcomeUnknownError FlockOfChefs::ConnectionError FlockOfChefs::ResourceNotFoundError]
    expect(lost).to include(cut_off(hub) { bender.kill9 })
    bender.start
    served(bender)
    fry = fleet.join("fry", listen: false)
    expect(lost).to include(cut_off(fry) { fry.kill9 })
    leela = offering("leela", listen: false)
    fry.start
    @callee = "leela"
    expect(lost + ["FlockOfChefs::TimeoutError"]).to include(cut_off(fry) { hub.kill9 })
    hub.start
    eventually("it flows again") { script(fry, "#{remote}.pairs { nil } rescue nil") == 2 }
    expect(served(leela)["failures"]).to eq(0)
  end

  it "is recorded in a recipe body, and stands again when a worker compiles the recipe" do
    offering("bender")
    fry = fleet.join("fry")
    fry.converge!(<<~RUBY)
      FlockOfChefs["bender"][:counter].count(3) do |n, _|
        execute("mark \#{n}") do
          command "echo \#{n} >> #{oracle}"
          action :nothing
        end
      end
    RUBY
    FileUtils.rm("#{fleet.dir}/over")
    hub.flockctl!("notify", "fry", "execute[mark 2]", "run", "--wait", "60")
    expect(fired).to eq(["2"])
    expect(over?).to be(false)
  end

  it "works for actors as for other APIs" do
    hub.converge!("", files: { "libraries/actor.rb" => <<~RUBY })
      class Countdown
        include Celluloid
        def count(from) = from.downto(1) { |n| yield n }
        def alive = true
      end
      Countdown.supervise_as :countdown
    RUBY
    served(hub)
    expect(script(hub, "all = []; FlockOfChefs.me[:countdown].count(3) { |n| all << n }; all")).to eq([3, 2, 1])
    expect(script(hub, "FlockOfChefs.me[:countdown].alive")).to be(true)
  end

  it "costs the object that raises only where the caller asks for it" do
    offering("bender")
    expect(script(hub, <<~RUBY)).to eq([true, false])
      api = #{remote}
      first = api.made
      boom = ->(one) { one.boom rescue nil }
      boom.call(api)
      second = api.made
      boom.call(api.crash_on_error)
      [first == second, second == api.made]
    RUBY
  end

  it "tells which APIs a node has, and how far away it is" do
    offering("bender")
    apis = script(hub, "FlockOfChefs['bender'][:flock_api].apis")
    expect(apis.map { |api| api["name"] }).to eq(["counter"])
    expect(apis.first["methods"].map { |method| method["name"] }).to include("count", "pairs")
    expect(script(hub, "FlockOfChefs['bender'][:flock_api].ping")).to be_between(0, 10)
  end

  it "tells monitors when a host dies, when a node goes and when each is back" do
    bender = offering("bender")
    _, said = background(hub, <<~RUBY)
      told = ->(event) { puts [event.node, event.api, event.state, event.reason].compact.join(" ") }
      [FlockOfChefs["bender"].monitor(&told), FlockOfChefs["bender"][:counter].monitor(&told), sleep]
    RUBY
    seen = 0
    heard = lambda do |*lines|
      eventually("#{lines} are heard") { (lines - said.call.drop(seen)).empty? }
      seen += lines.size
    end
    heard.call("bender up", "bender counter up")
    Process.kill("KILL", served(bender)["pid"])
    heard.call("bender counter down api_down")
    heard.call("bender counter up")
    bender.stop("KILL")
    heard.call("bender down node_down", "bender counter down node_down")
    bender.start
    heard.call("bender up", "bender counter up")
    # While the agent of bender begins, its API may still be away.
    expect(said.call.grep(/down/).uniq)
      .to contain_exactly("bender counter down api_down", "bender down node_down", "bender counter down node_down")
  end

  it "wakes a wait for a node's presence" do
    bender = fleet.join("bender", start: false)
    run = hub.converge_in_background(<<~RUBY)
      file("#{fleet.dir}/seen") { wait_until { FlockOfChefs["bender"].presence == "alive" } }
    RUBY
    eventually("the run waits") { File.read(hub.path("background.log")).include?("file[#{fleet.dir}/seen]") }
    expect(File).not_to exist("#{fleet.dir}/seen")
    bender.start
    expect(run.value).to be_success
    expect(File).to exist("#{fleet.dir}/seen")
  end
end
